// Opens the API's page in a real browser, registers and logs in with it as a person would, and tells what it saw as JSON.
// Arguments: the browser's executable, or nothing for the one that comes with the packages; the API's address; a
// username; a password; where the pictures go.
import packaged from "@sparticuz/chromium";
import { chromium } from "playwright-core";

const [executable, address, username, password, pictures] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: executable || (await packaged.executablePath()),
  args: executable ? ["--no-sandbox"] : packaged.args,
});
const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
const seen = { foreign: [], complaints: [], answers: {} };
page.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(address) && !url.startsWith("data:") && !url.startsWith("blob:")) seen.foreign.push(url);
});
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) seen.complaints.push(message.text());
});
page.on("pageerror", (error) => seen.complaints.push(String(error)));

// Fill in an operation's body, send it, and return what the page shows as the server's answer.
async function send(tag, name, body) {
  const operation = page.locator(`#operations-${tag}-${name}`);
  await operation.locator(".opblock-summary-control").click();
  if (body !== undefined) await operation.locator("textarea.body-param__text").fill(JSON.stringify(body));
  await operation.locator("button.execute").click();
  const row = operation.locator("table.live-responses-table tr.response");
  await row.waitFor();
  const status = Number((await row.locator(".response-col_status").innerText()).trim().split(/\s/)[0]);
  const text = await row.locator(".response-col_description .highlight-code code, .response-col_description pre").first().innerText();
  await operation.screenshot({ path: `${pictures}/${name}.png` });
  seen.answers[name] = { status, text };
  return text;
}

try {
  await page.goto(`${address}/docs/`);
  await page.locator(".opblock").first().waitFor({ timeout: 20_000 });
  await page.screenshot({ path: `${pictures}/page.png` });
  seen.operations = await page.locator(".opblock").count();
  seen.title = await page.locator(".info .title").innerText();
  await send("accounts", "register", { username, email: `${username}@example.org`, password });
  const tokens = JSON.parse(await send("accounts", "log_in", { username, password }));
  await page.locator(".auth-wrapper button.authorize").first().click();
  await page.locator(".auth-container input").first().fill(tokens.access_token);
  await page.locator(".auth-container button.authorize").first().click();
  await page.screenshot({ path: `${pictures}/authorize.png` });
  await page.locator(".auth-container button.btn-done").first().click();
  await send("captures", "list_captures");
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
