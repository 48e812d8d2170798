// Opens one page after the other in a browser, calls a function in each, and prints what it returned.
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const { executable, flags, source, visits } = JSON.parse(await text(process.stdin));
// Every launch makes an empty profile of its own, and removes it.
const browser = await chromium.launch({ executablePath: executable, args: flags });
try {
  const answers = [];
  for (const { url, given } of visits) {
    const page = await browser.newPage();
    await page.goto(url);
    answers.push(await page.evaluate(`(${source})(...${JSON.stringify(given)})`));
    await page.close();
  }
  process.stdout.write(JSON.stringify(answers));
} finally {
  await browser.close();
}
