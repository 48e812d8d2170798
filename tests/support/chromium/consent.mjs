// Opens a page of consent in a browser, reads it, presses a button, and prints where that led.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const { executable, flags, url, decision, ends, picture, opener } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({ executablePath: executable, args: flags });
try {
  let page = await browser.newPage();
  const complaints = [];
  if (opener) {
    await page.goto(opener);
    const opened = page.context().waitForEvent("page");
    await page.evaluate((place) => void window.open(place), url);
    page = await opened;
  }
  page.on("console", (message) => complaints.push(message.text()));
  if (opener) await page.waitForSelector("button");
  else await page.goto(url);
  const read = await page.innerText("main");
  const at = page.url();
  const here = complaints.length;
  if (picture) await page.screenshot({ path: picture });
  await page.click(`button[value=${decision}]`);
  await page.waitForURL((found) => found.href.startsWith(ends));
  const opened = await page.evaluate(() => window.opener !== null);
  process.stdout.write(
    JSON.stringify({ at, read, opened, ended: page.url(), complaints: complaints.slice(0, here) }),
  );
} finally {
  await browser.close();
}
