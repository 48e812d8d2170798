// Opens a page in a browser, clicks one thing after the other, and prints what can be read in the end.
// With a pop-up, the clicks are in the window that the page opens.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const order = JSON.parse(await text(process.stdin));
const { executable, flags, url, clicks, shows, popup } = order;
const browser = await chromium.launch({ executablePath: executable, args: flags });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const [clicked] = await Promise.all([popup ? page.waitForEvent("popup") : page, page.goto(url)]);
  for (const one of clicks) await clicked.locator(one).first().click();
  await page.locator(shows).first().waitFor();
  process.stdout.write(JSON.stringify(await page.innerText("body")));
} finally {
  await browser.close();
}
