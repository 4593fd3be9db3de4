"use strict";

const LOG_LINES = 20;
const find = (selector) => document.querySelector(selector);

/** Currencies that Stripe, and so the API, counts in whole units; all others in hundredths. */
const WHOLE = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" ");
let currency = "usd";

/** An amount, as the API counts it; fractions of the smallest unit stay visible. */
function money(amount) {
  const digits = WHOLE.includes(currency) ? 0 : 2;
  const options = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: Number.isInteger(amount) ? digits : 4 };
  return (amount / 10 ** digits).toLocaleString("en", options);
}

function showBalance(amount) {
  find("#balance").textContent = money(amount);
}

async function refresh() {
  try {
    const answer = await fetch("/me", { headers: { accept: "application/json" } });
    const me = await answer.json();
    if (!answer.ok) throw new Error(me.error?.message ?? me.message ?? `answer ${answer.status}`);
    currency = me.currency;
    showBalance(Number(me.balance));
    for (const price of document.querySelectorAll("[data-price]")) price.textContent = money(Number(price.dataset.price));
    find("#who").textContent = me.name || me.email || (me.registered ? "" : "You have not paid yet.");
  } catch (error) {
    find("#balance").textContent = "–";
    find("#who").textContent = `The balance cannot be shown: ${error.message}`;
  }
}

function log(path, answer) {
  const row = document.createElement("tr");
  const cell = (text, className = "") => {
    const td = row.insertCell();
    td.textContent = text;
    td.className = className;
  };
  cell(new Date().toLocaleTimeString());
  cell(path);
  cell(String(answer.status), answer.ok ? "ok" : "bad");
  cell(answer.headers.get("x-price") ?? "–", "number");
  cell(answer.headers.get("x-balance") ?? "–", "number");
  const body = find("#calls tbody");
  body.prepend(row);
  while (body.rows.length > LOG_LINES) body.lastChild.remove();
  find("#calls").hidden = find("#unit").hidden = false;
  find("#none").hidden = true;
}

async function call(form) {
  const output = form.querySelector("output");
  const button = form.querySelector("button");
  const { path, field } = form.dataset;
  button.disabled = true;
  output.className = "";
  output.textContent = "";
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ [field]: form.querySelector("input, textarea").value }),
    });
    log(path, answer);
    find("#hint").hidden = answer.status !== 402;
    const text = await answer.text();
    if (answer.ok) {
      output.textContent = JSON.parse(text).text;
    } else if (answer.status !== 402) {
      output.className = "bad";
      output.textContent = text || `The answer was ${answer.status}.`;
    }
    const balance = answer.headers.get("x-balance");
    if (balance !== null) showBalance(Number(balance));
  } catch (error) {
    output.className = "bad";
    output.textContent = `The call failed: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call(form);
  });
}
// Back from paying in another tab, or from the payment page.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
window.addEventListener("pageshow", refresh);
