"use strict";
// Everything that comes from the data is written with textContent, never as markup.
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const missing = (value) => value === null || Number.isNaN(value);

  // Missing values stay last in both directions; equal ones keep their order.
  const comparing = (valueOf, numeric, direction) => (a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)];
    if (missing(left) || missing(right)) return missing(left) - missing(right);
    return direction * (numeric ? left - right : collator.compare(left, right));
  };

  const nextDirection = (heads, head) => {
    const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    return direction;
  };

  const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const counted = (n, total) => `${n.toLocaleString("en")} of ${total.toLocaleString("en")} rows`;

  // --- tables whose rows are in the page ---
  const setUpTable = (box) => {
    const body = box.querySelector("tbody");
    const heads = [...box.querySelectorAll("thead th")];
    const search = box.querySelector("input[type=search]");
    const count = box.querySelector(".count");
    const groups = [...box.querySelectorAll("[data-group]")].filter((node) => node.tagName === "BUTTON");
    const rows = [...body.rows];
    const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

    const show = () => {
      const group = groups.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.group;
      const words = wordsOf(search ? search.value : "");
      const inGroup = rows.filter((row) => group === undefined || row.dataset.group === group);
      const kept = new Set(inGroup.filter((row) => words.every((word) => text.get(row).includes(word))));
      for (const row of rows) row.hidden = !kept.has(row);
      if (count) count.textContent = counted(kept.size, inGroup.length);
      // The column of the draws says nothing about donors.
      if (group !== undefined) box.dataset.shown = group;
    };

    heads.forEach((head, index) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const numeric = rows.some((row) => row.cells[index].dataset.sort !== undefined);
        const valueOf = (row) => {
          const cell = row.cells[index];
          if (!numeric) return cell.textContent.trim();
          const sort = cell.dataset.sort;
          return sort === "-inf" ? -Infinity : sort === "inf" ? Infinity : sort === undefined ? NaN : Number(sort);
        };
        rows.sort(comparing(valueOf, numeric, nextDirection(heads, head)));
        body.append(...rows);
      });
    });
    search?.addEventListener("input", show);
    for (const button of groups) {
      button.addEventListener("click", () => {
        for (const other of groups) other.setAttribute("aria-pressed", String(other === button));
        show();
      });
    }
    show();
  };

  // --- the CTCs: data in the page, one leaf of rows at a time ---
  const ROWS_PER_PAGE = 25;

  const posteriorBar = (shares, states) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "bar");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", states.map((state, i) => `${state} ${(100 * shares[i]).toFixed(0)}%`).join(", "));
    let start = 0;
    shares.forEach((share, i) => {
      const piece = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      piece.setAttribute("x", `${(100 * start).toFixed(2)}%`);
      piece.setAttribute("width", `${(100 * share).toFixed(2)}%`);
      piece.setAttribute("height", "100%");
      piece.setAttribute("class", ["zero", "low", "positive"][i]);
      svg.append(piece);
      start += share;
    });
    return svg;
  };

  const setUpCells = (box, data) => {
    const [headRow, body] = [box.querySelector("thead tr"), box.querySelector("tbody")];
    const [search, select] = [box.querySelector("input[type=search]"), box.querySelector("select")];
    const [count, page] = [box.querySelector(".count"), box.querySelector(".page")];
    const width = data.columns.length;
    const columns = data.columns.map((column, at) => ({ ...column, at }));
    const callColumn = data.columns.findIndex((column) => column.source === "obs: her2_call");
    const probability = { title: "Probability of each state", source: "obsm: her2_posterior", numeric: true, bar: true };
    columns.splice(callColumn + 1, 0, probability);
    const text = new Map(data.rows.map((row) => [row, row.slice(0, width).join(" ").toLowerCase()]));
    const meanState = (row) => data.states.reduce((sum, _, i) => sum + i * row[width + i], 0);
    let kept = data.rows;
    let leaf = 0;

    const draw = () => {
      const from = leaf * ROWS_PER_PAGE;
      body.replaceChildren(...kept.slice(from, from + ROWS_PER_PAGE).map((row) => {
        const line = document.createElement("tr");
        columns.forEach((column, i) => {
          const cell = document.createElement(i === 0 ? "th" : "td");
          if (i === 0) cell.scope = "row";
          if (column.numeric) cell.className = "num";
          if (column.bar) {
            const shares = row.slice(width);
            if (shares.some(missing)) cell.textContent = "–";
            else cell.append(posteriorBar(shares, data.states));
          } else if (row[column.at] === null) cell.textContent = "–";
          else if (column.numeric) cell.textContent = row[column.at].toLocaleString("en", { maximumFractionDigits: 3 });
          else cell.textContent = row[column.at];
          line.append(cell);
        });
        return line;
      }));
      const leaves = Math.max(1, Math.ceil(kept.length / ROWS_PER_PAGE));
      page.textContent = `page ${leaf + 1} of ${leaves}`;
      count.textContent = counted(kept.length, data.rows.length);
      for (const button of box.querySelectorAll("[data-step]")) {
        const to = leaf + Number(button.dataset.step);
        button.disabled = to < 0 || to >= leaves;
      }
    };

    const filter = () => {
      const words = wordsOf(search.value);
      kept = data.rows.filter((row) =>
        (!select.value || row[callColumn] === select.value) && words.every((word) => text.get(row).includes(word)));
      leaf = 0;
      draw();
    };

    const heads = columns.map((column) => {
      const [head, button, key] = ["th", "button", "code"].map((name) => document.createElement(name));
      head.scope = "col";
      head.title = column.source;
      if (column.numeric) head.className = "num";
      head.setAttribute("aria-sort", "none");
      button.type = "button";
      button.textContent = column.title;
      key.className = "key";
      key.textContent = column.source;
      head.append(button, key);
      button.addEventListener("click", () => {
        const valueOf = column.bar ? meanState : (row) => row[column.at];
        data.rows.sort(comparing(valueOf, column.numeric, nextDirection(heads, head)));
        filter();
      });
      return head;
    });
    headRow.append(...heads);
    for (const call of data.calls) {
      const option = document.createElement("option");
      option.textContent = call;
      option.value = call;
      select.append(option);
    }
    search.addEventListener("input", filter);
    select.addEventListener("change", filter);
    for (const button of box.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => { leaf += Number(button.dataset.step); draw(); });
    }
    filter();
  };

  for (const box of document.querySelectorAll("[data-table]")) setUpTable(box);
  const cells = document.querySelector("[data-cells] table");
  if (cells) setUpCells(document.querySelector("[data-cells]"), JSON.parse(document.getElementById("cells-data").textContent));
})();
