// What a newcomer reaches who touches no setting: the built page on the CPU, the model that it offers first, two files of rows,
// Start, Evaluate. In: options below. Out: one JSON document on standard output with the settings that the page chose, the steps,
// the seconds, and every figure of the test rows before and after; progress on standard error.
//
//   node newcomer.mjs --train FILE --test FILE [--dist ../../dist] [--model KNOWN_ID]

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withBrowser } from "./browser.mjs";
import { serve } from "./server.mjs";

/** Hours that a run may take. */
const PATIENCE_HOURS = 3;

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    train: { type: "string" },
    test: { type: "string" },
    dist: { type: "string", default: resolve(bench, "../../dist") },
    model: { type: "string", default: "sentence-transformers/all-MiniLM-L6-v2" },
  },
});
if (!given.train || !given.test) throw new Error("--train and --test: files of rows");

const at = (id) => `[data-testid="${id}"]`;

/** Waits until something is shown, `selector` of it if given, or throws the problem that the page shows. */
async function shown(page, id, selector = "") {
  const patience = { timeout: PATIENCE_HOURS * 3_600_000 };
  const found = await page.waitForFunction(
    (wanted) => document.querySelector(wanted) ?? document.querySelector("[data-testid=problem-message]"),
    at(id) + selector,
    patience,
  );
  const problem = await found.evaluate((element, wanted) => (element.matches(wanted) ? null : element.textContent), at(id) + selector);
  if (problem) throw new Error(problem);
}

async function walk(page) {
  await shown(page, "device-chip");
  await page.locator(at("step-model")).click();
  await page.locator(at(`model-card-${given.model}`)).check({ force: true }); // its label lies over it
  await page.locator(at("load-model")).click();
  await shown(page, "model-ready");
  await page.locator(at("step-data")).click();
  await page.locator(at("data-file")).setInputFiles([given.train, given.test].map((file) => resolve(file)));
  await shown(page, "data-report");
  await page.locator(at("step-recipe")).click();
  await shown(page, "plan");
  const settings = await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll("input[data-testid^=field-], select[data-testid^=field-]")].map((field) => [
        field.dataset.testid.slice("field-".length),
        field.type === "checkbox" ? field.checked : field.value,
      ]),
    ),
  );
  const plan = await page.locator(at("plan")).innerText();
  console.error(plan);
  await page.locator(at("step-train")).click();
  const from = Date.now();
  await page.locator(at("start")).click();
  await shown(page, "run-finished");
  const seconds = (Date.now() - from) / 1000;
  console.error(`trained in ${seconds} s`);
  await page.locator(at("step-evaluate")).click();
  await page.locator(at("evaluate-run")).click();
  // The figures of the base model come first: until its own come, a dash stands there.
  await shown(page, "eval-accuracy-tuned", "[data-value]");
  const figures = await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll("[data-testid^=eval-][data-value]")].map(({ dataset }) => [
        dataset.testid.slice("eval-".length),
        Number(dataset.value),
      ]),
    ),
  );
  return { settings, plan, seconds, figures };
}

const server = await serve({ bench, dist: resolve(given.dist) });
try {
  console.log(JSON.stringify(await withBrowser(`${server.url}/index.html?backend=cpu`, [], walk), null, 1));
} finally {
  server.close();
}
