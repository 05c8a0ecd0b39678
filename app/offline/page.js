// Has the browser keep the page (service-worker.js), and says how that stands: in attributes of the root element, with an event
// `offlinechange` at each change, which `app/src/state/offline.rs` reads. In: the event `useupdate`. It stands beside the wasm, so
// that a build whose wasm does not start is replaced like any other.
//
// data-kept       fetching, whole, or failed
// data-kept-error why it failed
// data-update     waits (all of a newer build is there), tabs (it can't be used while Hone is open in other tabs), begun
// data-fetched    requests and bytes of the newest fetching: "17 2960000"

const root = document.documentElement;
const { build } = document.querySelector("script[data-build]").dataset;

function note(values) {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) delete root.dataset[key];
    else root.dataset[key] = value;
  }
  dispatchEvent(new Event("offlinechange"));
}

async function start(container) {
  note({ kept: "fetching" });
  let isReplacing = false;
  container.addEventListener("message", ({ data }) => {
    if (data.requests) return note({ fetched: `${data.requests} ${data.bytes}` });
    isReplacing = false;
    note({ update: "tabs" });
  });
  container.startMessages();
  // A tab that was opened at the moment when another one changed to a newer build: it must not go on with files of that.
  let isControlled = container.controller !== null;
  container.addEventListener("controllerchange", () => {
    if (isControlled) location.reload();
    isControlled = true;
  });
  const registration = await container.register("./service-worker.js");
  const look = () => {
    const { active, waiting } = registration;
    if (!active || isReplacing) return;
    if (!container.controller) active.postMessage({ claim: build });
    note({ kept: "whole", keptError: undefined, update: waiting ? (root.dataset.update ?? "waits") : undefined });
  };
  const follow = (worker) => {
    worker?.addEventListener("statechange", () => {
      if (worker.state === "activated" && isReplacing) location.reload();
      else if (worker.state !== "redundant" || registration.active) look();
      else note({ kept: "failed", keptError: "its files could not all be fetched" });
    });
  };
  registration.addEventListener("updatefound", () => follow(registration.installing));
  follow(registration.installing);
  follow(registration.waiting);
  look();
  addEventListener("useupdate", () => {
    if (!registration.waiting) return look();
    isReplacing = true;
    note({ update: "begun" });
    registration.waiting.postMessage({ use: true });
  });
}

// Only secure contexts have it, and some private windows do not.
if (navigator.serviceWorker) {
  start(navigator.serviceWorker).catch((error) => note({ kept: "failed", keptError: error.message }));
}
