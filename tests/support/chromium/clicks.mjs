// Opens a page in a browser, clicks one thing after the other, and prints what can be read in the end.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const { executable, flags, url, clicks, shows } = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({ executablePath: executable, args: flags });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  for (const one of clicks) await page.locator(one).first().click();
  await page.locator(shows).first().waitFor();
  process.stdout.write(JSON.stringify(await page.innerText("body")));
} finally {
  await browser.close();
}
