/* The page of a process: a form that executes it, and the same request for curl. */

import { fieldsOf, takeFiles } from "./fields.js";
import { copyButtons } from "./copy.js";

const form = document.querySelector("#execute");
const again = form.querySelector("#again");
const summary = form.querySelector("#problem");
const button = form.querySelector("button[type=submit]");
const root = new URL(form.dataset.root, location.href);
const address = new URL(`processes/${form.dataset.process}/execution`, root);
const fields = fieldsOf(form);

async function body() {
  const inputs = {};
  for (const field of fields) {
    const value = await field.read();
    if (value !== undefined) inputs[field.name] = value;
  }
  return { inputs, response: "document" };
}

function headers() {
  const always = { "Content-Type": "application/json", Prefer: "respond-async" };
  return again.checked ? { ...always, "Cache-Control": "no-cache" } : always;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function showCurl() {
  const said = Object.entries(headers()).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const lines = [`curl ${quoted(address.href)}`, ...said];
  const text = JSON.stringify(await body(), null, 1).replaceAll(/\n\s*/g, " ");
  document.querySelector("#curl").textContent = [...lines, `-d ${quoted(text)}`].join(" \\\n  ");
}

/** Show what the service said: each input's part beside its field, the rest above the button. */
function complain(problem) {
  const errors = problem.errors ?? [];
  const about = (field) => errors.filter((one) => one.input.split(".")[0] === field.name);
  const atFault = fields.filter((field) => about(field).length > 0);
  for (const field of fields) {
    field.complain(about(field).map((one) => one.detail).join("; "));
  }
  const known = atFault.map((field) => field.name);
  const rest = errors.filter((one) => !known.includes(one.input.split(".")[0]));
  const missing = errors.length === 0 || rest.length > 0;
  summary.textContent = missing
    ? [problem.title, errors.length === 0 ? problem.detail
      : rest.map((one) => `${one.input}: ${one.detail}`).join("; ")].filter(Boolean).join(": ")
    : "";
  summary.hidden = !missing;
  (atFault[0] ?? summary).focus();
}

async function execute(event) {
  event.preventDefault();
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  complainOfNothing();
  try {
    const request = { method: "POST", headers: headers(), body: JSON.stringify(await body()) };
    const answer = await fetch(address, request);
    const document = await answer.json();
    if (answer.ok) location.assign(new URL(`jobs/${document.jobID}?f=html`, root));
    else complain(document);
  } catch {
    complain({ title: "The service does not answer", detail: "try again in a moment" });
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function complainOfNothing() {
  summary.hidden = true;
  for (const field of fields) field.complain("");
}

/** Take the inputs that the address carries, from the page of another job. */
function prefill() {
  let inputs;
  try {
    inputs = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return;
  }
  for (const field of fields) {
    if (inputs?.[field.name] !== undefined) field.write(inputs[field.name]);
  }
}

prefill();
form.addEventListener("submit", execute);
form.addEventListener("input", showCurl);
form.addEventListener("change", showCurl);
takeFiles(form, showCurl);
copyButtons();
showCurl();
