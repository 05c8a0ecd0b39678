// Headless Chromium with WebGPU, on its software rasteriser where there is no GPU. One browser a measurement, so that
// nobody inherits another's caches or memory.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu-watchdog", // a step of GPT-2 may take a software adapter minutes
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--enable-precise-memory-info",
];

/** `HONE_CHROMIUM`, else the first Chromium or Chrome on the search path. */
export function findChromium() {
  if (process.env.HONE_CHROMIUM) return process.env.HONE_CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error("no Chromium on the search path: install it, or set HONE_CHROMIUM");
  return found;
}

/**
 * Opens `url` in a fresh browser, calls `work(page)` once `globalThis.run` is there, closes the browser. Errors of the page are
 * printed.
 */
export async function withPage(url, { software }, work) {
  const adapter = software ? "--use-webgpu-adapter=swiftshader" : "--enable-gpu";
  return withBrowser(url, ["--enable-unsafe-webgpu", adapter], async (page) => {
    await page.waitForFunction(() => typeof globalThis.run === "function");
    return work(page);
  });
}

/** As `withPage`, of any page and with more arguments; `before(page)` is called before the page is there. */
export async function withBrowser(url, args, work, before = async () => {}) {
  const browser = await chromium.launch({ executablePath: findChromium(), headless: true, args: [...FLAGS, ...args] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    page.on("pageerror", (error) => console.error(`page error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        console.error(`page ${message.type()}: ${message.text().slice(0, 400)}`);
      }
    });
    await before(page);
    await page.goto(url);
    return { ...(await work(page, browser)), browser: browser.version() };
  } finally {
    await browser.close();
  }
}
