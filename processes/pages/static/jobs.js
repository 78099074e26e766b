/* The list of jobs: its filters, and the jobs that go on. */

import { follow } from "./live.js";

const filters = document.querySelector("#filters");
const list = document.querySelector("#list");

/** Put the two days into the one parameter that the standard has for them. */
filters.addEventListener("formdata", ({ formData }) => {
  const [from, to] = ["from", "to"].map((id) => filters.querySelector(`#${id}`).value || "..");
  if (from !== ".." || to !== "..") formData.set("datetime", `${from}/${to}`);
  if (!formData.get("processID")) formData.delete("processID");
});

follow({ done: () => list.dataset.active !== "yes" });
