// Unpacks the browser and the shared libraries it brings into the temporary folder.
import { fileURLToPath } from "node:url";
import { inflate } from "@sparticuz/chromium";

const bin = new URL("../bin/", import.meta.resolve("@sparticuz/chromium"));
for (const name of ["chromium.br", "al2023.tar.br"]) {
  await inflate(fileURLToPath(new URL(name, bin)));
}
