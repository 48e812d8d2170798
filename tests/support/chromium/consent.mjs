// Opens a page of consent in a browser, reads it, presses a button, and prints where that led.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const order = JSON.parse(await text(process.stdin));
const { executable, flags, url, before, decision, ends, picture } = order;
const browser = await chromium.launch({ executablePath: executable, args: flags });
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  await page.goto(url);
  for (const button of before) await page.click(`button[value=${button}]`);
  await page.waitForSelector(`button[value=${decision}]`);
  const read = await page.innerText("main");
  const at = page.url();
  const here = complaints.length;
  if (picture) await page.screenshot({ path: picture });
  await page.click(`button[value=${decision}]`);
  await page.waitForURL((found) => found.href.startsWith(ends));
  process.stdout.write(
    JSON.stringify({
      at,
      read,
      ended: page.url(),
      told: await page.innerText("body"),
      complaints: complaints.slice(0, here),
    }),
  );
} finally {
  await browser.close();
}
