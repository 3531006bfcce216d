// The pages of overseers: forms become requests and display the result.
import { request } from "./http.js";

const byId = (id) => document.getElementById(id);

function onSubmit(id, work) {
  const form = byId(id);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const status = form.querySelector(".status");
    const button = form.querySelector('button[type="submit"]');
    button.disabled = true;
    status.textContent = "…";
    try {
      status.textContent = await work(new FormData(form), form);
    } catch (error) {
      status.textContent = `Not done: ${error.message}`;
    } finally {
      button.disabled = false;
    }
  });
}

byId("sign-out")?.addEventListener("click", async () => {
  await request("DELETE", "/api/v1/sessions/current").catch(() => null);
  location.assign("/login");
});

onSubmit("new-project", async (data) => {
  const made = await request("POST", "/api/v1/projects", { name: data.get("name") });
  location.assign(`/projects/${made.id}/settings`);
  return "Made.";
});

onSubmit("invite", async (data) => {
  const made = await request("POST", "/api/v1/invitations", { role: data.get("role") });
  return `Send this link to one person, within seven days: ${location.origin}${made.path}`;
});

onSubmit("token", async () => {
  const made = await request("POST", "/api/v1/tokens", { name: byId("token-name").value });
  return `Shown this once: ${made.token}`;
});

const project = byId("manage")?.dataset.project;

onSubmit("settings", async (_, form) => {
  const settings = {};
  for (const field of form.querySelectorAll("[name]")) {
    if (field.type === "checkbox") settings[field.name] = field.checked;
    else if (field.type === "number") settings[field.name] = field.value === "" ? null : Number(field.value);
    else if (field.dataset.kind === "list") settings[field.name] = field.value.split(",").map((entry) => entry.trim()).filter(Boolean);
    else settings[field.name] = field.value;
  }
  await request("PUT", `/api/v1/projects/${project}/settings`, settings);
  return "Saved.";
});

onSubmit("new-guideline", async () => {
  const made = await request("POST", `/api/v1/projects/${project}/guidelines`, { text: byId("guideline-text").value });
  return `Version ${made.version} is published.`;
});

onSubmit("import-rows", async () => {
  const added = await request("POST", `/api/v1/projects/${project}/imports`, byId("rows").files[0]);
  return Object.entries(added).map(([name, count]) => `${count} ${name}`).join(", ");
});

onSubmit("export", async (data, form) => {
  const options = {
    what: data.get("what"),
    pairs: data.get("pairs") ?? "all",
    aggregate: data.get("aggregate") ?? "majority",
    least: Number(data.get("least") ?? 0),
    validation: Number(data.get("validation")),
    form: data.get("form"),
    simulated: data.has("simulated"),
  };
  const answer = await request("POST", `/api/v1/projects/${form.dataset.project}/exports`, options, { raw: true });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = answer.headers.get("Content-Disposition").match(/"(.+)"/)[1];
  link.click();
  URL.revokeObjectURL(link.href);
  return `${link.download} is downloaded.`;
});

byId("what")?.addEventListener("change", (event) => {
  byId("of-pairs").disabled = event.target.value !== "pairs";
});

for (const button of document.querySelectorAll("[data-flag]")) {
  button.addEventListener("click", async () => {
    const path = `/api/v1/projects/${byId("flagged").dataset.project}/flagged/${button.dataset.flag}`;
    await request("PATCH", path, { open_again: button.dataset.open === "true" });
    location.reload();
  });
}

for (const button of document.querySelectorAll("[data-revoke]")) {
  button.addEventListener("click", async () => {
    await request("DELETE", button.dataset.revoke);
    location.reload();
  });
}

async function changePerson(id, change) {
  try {
    await request("PATCH", `/api/v1/people/${id}`, change);
    byId("people-status").textContent = "Changed; that person's sessions have ended.";
  } catch (error) {
    byId("people-status").textContent = `Not done: ${error.message}`;
  }
}

for (const select of document.querySelectorAll("select[data-person]")) {
  select.addEventListener("change", () => changePerson(select.dataset.person, { role: select.value }));
}
for (const box of document.querySelectorAll("input[data-active]")) {
  box.addEventListener("change", () => changePerson(box.dataset.active, { active: box.checked }));
}
