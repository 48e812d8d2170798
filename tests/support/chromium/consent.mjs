// Opens a page of consent in a browser, reads it, presses a button, and prints where that led. With
// no decision to make, there is no such page on the way.
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
  const seen = {};
  if (decision) {
    await page.waitForSelector(`button[value=${decision}]`);
    seen.read = await page.innerText("main");
    seen.at = page.url();
    seen.complaints = [...complaints];
    if (picture) await page.screenshot({ path: picture });
    await page.click(`button[value=${decision}]`);
  }
  await page.waitForURL((found) => found.href.startsWith(ends));
  const told = await page.innerText("body");
  process.stdout.write(JSON.stringify({ complaints, ...seen, ended: page.url(), told }));
} finally {
  await browser.close();
}
