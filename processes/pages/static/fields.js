/* Reading the fields of a form into the inputs of a process, and writing inputs into fields.
 *
 * What cannot be read as its kind is handed over as the text that it is: the service says what is
 * wrong with it, and what is allowed. */

/** The fields of a form, in their order. */
export function fieldsOf(form) {
  return [...form.querySelectorAll("[data-kind]")].map((element) => new Field(element));
}

class Field {
  constructor(element) {
    this.element = element;
    this.name = element.dataset.name;
    this.kind = KINDS[element.dataset.kind];
    this.schema = JSON.parse(element.dataset.schema);
    this.error = element.querySelector(".error");
  }

  get controls() {
    return [...this.element.querySelectorAll("input, select, textarea")];
  }

  /** The value, or undefined where the input is left out or is what it would be by default. */
  async read() {
    const value = await this.kind.read(this);
    return value === this.schema.default ? undefined : value;
  }

  write(value) {
    this.kind.write(this, value);
  }

  /** Show what was wrong; nothing clears it. */
  complain(text) {
    this.error.textContent = text;
    this.error.hidden = !text;
    for (const control of this.controls) {
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }

  focus() {
    this.controls[0].focus();
  }
}

const given = (text) => (text.trim() === "" ? undefined : text.trim());
const part = (field, name) => field.element.querySelector(`[data-part="${name}"]`);
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function number(text) {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? text : value;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const plain = {
  read: ({ controls: [control] }) => given(control.value),
  write: ({ controls: [control] }, value) => { control.value = shown(value); },
};

const KINDS = {
  text: { ...plain, read: ({ controls: [control] }) => control.value || undefined },

  number: {
    ...plain,
    read: (field) => {
      const text = plain.read(field);
      return text === undefined ? undefined : number(text);
    },
  },

  choice: {
    read: ({ controls }) => given(controls[0].type === "radio"
      ? controls.find((control) => control.checked)?.value ?? ""
      : controls[0].value),
    write: ({ controls }, value) => {
      if (controls[0].type !== "radio") controls[0].value = value;
      else for (const control of controls) control.checked = control.value === value;
    },
  },

  flag: {
    read: ({ controls: [control], schema }) =>
      (!control.checked && schema.default === undefined ? undefined : control.checked),
    write: ({ controls: [control] }, value) => { control.checked = value === true; },
  },

  months: {
    read: (field) => {
      const first = given(part(field, "first").value);
      const last = given(part(field, "last").value);
      if (last === undefined) return first;
      return `${first ?? ".."}/${last}`;
    },
    write: (field, value) => {
      const [first, last] = String(value).split("/");
      part(field, "first").value = first === ".." ? "" : first;
      part(field, "last").value = last ?? "";
    },
  },

  box: {
    read: ({ controls, schema }) => {
      const texts = controls.map((control) => control.value.trim());
      if (texts.every((text) => text === "")) return undefined;
      const numbers = texts.map(number);
      return schema.type === "array" ? numbers : { bbox: numbers };
    },
    write: ({ controls }, value) => {
      const numbers = Array.isArray(value) ? value : value?.bbox ?? [];
      controls.forEach((control, at) => { control.value = numbers[at] ?? ""; });
    },
  },

  list: {
    ...plain,
    read: (field) => {
      const text = plain.read(field);
      return text === undefined ? undefined : listed(text, field.schema.items);
    },
    write: ({ controls: [control] }, value) => {
      control.value = Array.isArray(value) ? value.join(", ") : shown(value);
    },
  },

  mixed: {
    read: (field) => {
      const text = plain.read(field);
      return text === undefined ? undefined : oneOf(text, field.schema.oneOf ?? field.schema.anyOf);
    },
    write: (field, value) => KINDS.list.write(field, value),
  },

  file: {
    read: async (field) => {
      const [file] = part(field, "file").files;
      const address = given(part(field, "address").value);
      if (file !== undefined) return base64(file);
      return address === undefined ? undefined : { href: address };
    },
    write: (field, value) => { part(field, "address").value = value?.href ?? ""; },
  },

  json: {
    read: (field) => {
      const text = plain.read(field);
      return text === undefined ? undefined : json(text);
    },
    write: ({ controls: [control] }, value) => { control.value = JSON.stringify(value, null, 2); },
  },

  geojson: {
    read: (field) => KINDS.json.read(field),
    write: (field, value) => KINDS.json.write(field, value),
  },
};

function listed(text, items) {
  const texts = text.split(/[,\n]/).map((one) => one.trim()).filter((one) => one !== "");
  return items?.type === "string" ? texts : texts.map(number);
}

/** Read a text as the first of some alternatives that it can be: a name, numbers, a list. */
function oneOf(text, alternatives) {
  const list = alternatives.find((one) => one.type === "array");
  if (alternatives.some((one) => one.enum?.includes(text))) return text;
  if (list !== undefined) return listed(text, list.items);
  const numeric = alternatives.some((one) => one.type === "number" || one.type === "integer");
  return numeric ? number(text) : text;
}

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Let a polygon be taken from a file: its text goes into the field. */
export function takeFiles(form, changed) {
  for (const element of form.querySelectorAll('[data-kind="geojson"] input[type="file"]')) {
    element.addEventListener("change", async () => {
      const [file] = element.files;
      if (file === undefined) return;
      element.closest("[data-kind]").querySelector("textarea").value = polygon(await file.text());
      changed();
    });
  }
}

/** A file of one feature holds its polygon further in. */
function polygon(text) {
  const value = json(text);
  const feature = value?.type === "FeatureCollection" && value.features.length === 1
    ? value.features[0] : value;
  return feature?.type === "Feature" ? JSON.stringify(feature.geometry) : text;
}
