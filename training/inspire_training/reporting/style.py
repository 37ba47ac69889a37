"""The style of a report: one column of text, wide tables and pictures, light and dark by the reader's own setting."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --ink: #1d1f24; --soft: #636772; --line: #dedcd6; --band: #f2f0ec; --accent: #0b6bb0;
  --bad: #b4521a;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #b0588d; --s4: #b47f00; --s5: #3d93c9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16171b; --ink: #e8e7e3; --soft: #9b9fa9; --line: #33353c; --band: #1f2126; --accent: #6cb6f0;
    --bad: #f0955c;
    --s0: #56a8e0; --s1: #f2884a; --s2: #3cc79d; --s3: #dd94be; --s4: #e6b23c; --s5: #8fd0f5;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 "Inter", "Source Sans 3", system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
.page { max-width: 1120px; margin: 0 auto; padding: 4.5rem 2rem 6rem; }
h1, h2, h3 { font-weight: 650; line-height: 1.2; letter-spacing: -0.012em; text-wrap: balance; }
h1 { font-size: 2.5rem; margin: 0 0 0.6rem; }
h2 { font-size: 1.6rem; margin: 4.5rem 0 0.7rem; padding-top: 1.1rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.14rem; margin: 2.6rem 0 0.5rem; }
p { max-width: 44rem; margin: 0.5rem 0 0.9rem; text-wrap: pretty; }
.lead { font-size: 1.12rem; color: var(--soft); }
.note, figcaption { color: var(--soft); font-size: 0.875rem; line-height: 1.5; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 0.18em; }
code { font: 0.88em/1.5 ui-monospace, "JetBrains Mono", "DejaVu Sans Mono", monospace; background: var(--band);
  padding: 0.1em 0.35em; border-radius: 4px; overflow-wrap: anywhere; }
nav { margin: 1.8rem 0 0; display: flex; flex-wrap: wrap; gap: 0.35rem 1.5rem; font-size: 0.95rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 1rem; margin: 2.4rem 0 0; }
.card { background: var(--band); border-radius: 10px; padding: 1.1rem 1.3rem 1.2rem; }
.card b { display: block; font-size: 2.15rem; line-height: 1.15; font-weight: 650; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.card span { display: block; color: var(--soft); font-size: 0.875rem; }
.card .name { color: var(--ink); font-weight: 600; font-size: 0.95rem; margin-bottom: 0.35rem; }
.scroll { overflow-x: auto; margin: 1rem 0 1.6rem; }
table { border-collapse: collapse; font-size: 0.9rem; line-height: 1.45;
  font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 0.8rem; vertical-align: bottom;
  border-bottom: 1px solid var(--ink); }
td { border-bottom: 1px solid var(--line); vertical-align: top; }
th, td { padding: 0.48rem 1.6rem 0.48rem 0; }
th:last-child, td:last-child { padding-right: 0; }
td:first-child { font-weight: 550; }
figure { margin: 1.4rem 0 1.8rem; }
figure img, figure video { display: block; max-width: 100%; height: auto; border-radius: 8px; }
figure.plot img { background: #fff; padding: 14px; border: 1px solid #dedcd6; }
@media (prefers-color-scheme: dark) { figure.plot img { filter: invert(0.89) hue-rotate(180deg); } }
figcaption { margin-top: 0.55rem; max-width: 44rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 0.4rem 1.6rem; }
.grid figure { margin: 0.7rem 0; }
.plot-name { color: var(--ink); font-weight: 600; margin: 0 0 0.4rem; }
.pair { display: flex; flex-wrap: wrap; gap: 0.4rem 3.5rem; align-items: flex-start; }
.pair figure { flex: 0 1 auto; }
.pair .scroll { margin-top: 1.2rem; }
.left-out { border-left: 3px solid var(--bad); padding: 0.15rem 0 0.15rem 1rem; }
svg.curve { display: block; width: 100%; height: auto; overflow: visible; }
svg.curve text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft);
  font-variant-numeric: tabular-nums; }
svg.curve .grid-line { stroke: var(--line); stroke-width: 1; }
svg.curve .axis { stroke: var(--soft); stroke-width: 1; }
svg.curve polyline { fill: none; stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.3rem; font-size: 0.875rem; margin: 0.7rem 0 0; }
.legend i { display: inline-block; width: 1.3rem; height: 3px; border-radius: 2px; margin-right: 0.45rem;
  vertical-align: middle; }
footer { margin-top: 5rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
@media (max-width: 640px) { .page { padding: 2.2rem 1.1rem 4rem; } h1 { font-size: 1.9rem; } h2 { margin-top: 3rem; } }
@media print { .page { max-width: none; padding: 0; } figure, table { break-inside: avoid; } }
"""
