#include "tessera/report/style.h"

namespace tessera::report {

std::string_view style_sheet() {
  return R"css(
:root { --page: #f4f5f7; --card: #ffffff; --ink: #1b2330; --soft: #5c6778; --line: #dfe3e9; --main: #2563a8; --warn: #b4500f; --warn-card: #fff6ec; --sky: #e9ecf1; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0e131a; --card: #171e28; --ink: #e4e9f0; --soft: #97a3b4; --line: #2a3442; --main: #6cb0f5; --warn: #f0a35c; --warn-card: #2a2118; --sky: #0a0e14; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.6rem 1.2rem 3rem; max-width: 1180px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
a { color: var(--main); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.15rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; font-weight: 600; }
.lead { margin: .3rem 0 1.2rem; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: .8rem; }
.tile, .card, figure, details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: .7rem .9rem; }
.tile .name { color: var(--soft); font-size: .8rem; }
.tile .value { font-size: 1.3rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile .more { color: var(--soft); font-size: .8rem; line-height: 1.35; }
.caveats { margin-top: 1rem; padding: .8rem 1rem; background: var(--warn-card); border: 1px solid var(--line); border-left: 4px solid var(--warn); border-radius: 10px; }
.caveats ul { margin: 0; padding-left: 1.1rem; } .caveats .kind { color: var(--warn); font-weight: 600; }
.clean { color: var(--soft); margin: 1rem 0; }
figure, .card { margin: 0; padding: 1rem; min-width: 0; }
figcaption, .note { margin-top: .5rem; color: var(--soft); font-size: .85rem; line-height: 1.45; }
.pictures { display: grid; gap: 1rem; grid-template-columns: 1fr; margin-top: 1rem; }
.plots { display: grid; gap: 1rem; grid-template-columns: 1fr; }
@media (min-width: 860px) {
  .pictures { grid-template-columns: 2.4fr 1fr; align-items: start; } .pictures .large { grid-row: span 2; }
  .plots { grid-template-columns: 1fr 1fr; }
}
.frame { position: relative; display: block; width: 100%; margin: 0 auto; background: var(--sky); cursor: zoom-in; border-radius: 4px; overflow: hidden; }
.frame img { display: block; width: 100%; height: 100%; }
img.crisp { image-rendering: pixelated; }
.marks { position: absolute; inset: 0; width: 100%; height: 100%; }
.marks path { fill: none; stroke: #fff; stroke-width: 5; stroke-linecap: round; filter: drop-shadow(0 0 3px #000) drop-shadow(0 0 3px #000); }
.marks circle { fill: transparent; stroke: #ffbf1a; stroke-width: 2.5; filter: drop-shadow(0 0 2px #000); }
.marks text { fill: #fff; font-size: 34px; font-weight: 600; stroke: #000; stroke-width: 5; stroke-linejoin: round; paint-order: stroke; }
.back { display: none; }
figure.sky:target { position: fixed; inset: 0; z-index: 9; overflow: auto; border: 0; border-radius: 0; }
figure.sky:target .frame { width: max(180vw, 180vh); max-width: none !important; cursor: default; pointer-events: none; }
figure.sky:target .back { display: block; position: fixed; right: 1.4rem; top: .7rem; width: 2.6rem; height: 2.6rem; border-radius: 50%; z-index: 10;
  background: var(--ink); color: var(--card); font-size: 1.7rem; line-height: 2.45rem; text-align: center; }
.sky .bar { margin-top: .7rem; }
.ramp { height: .75rem; border-radius: 3px; border: 1px solid var(--line); }
.ticks { position: relative; height: 1.3rem; font-size: .8rem; font-variant-numeric: tabular-nums; }
.ticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.unit { color: var(--soft); font-size: .8rem; text-align: center; line-height: 1.1; }
.plot { display: block; width: 100%; height: auto; } .card > .plot { max-width: 44rem; } section.card + section.card { margin-top: 1rem; }
.plot text { font-size: 13px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot .label { fill: var(--ink); } .plot .end { text-anchor: end; } .mid { text-anchor: middle; }
.plot .grid { stroke: var(--line); stroke-width: 1; } .plot .axis { stroke: var(--soft); stroke-width: 1; fill: none; }
.plot .reference { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 5 4; fill: none; }
.plot .bar { stroke: var(--main); stroke-width: 1.4; fill: none; opacity: .55; } .plot .dot { stroke: var(--main); stroke-width: 5.5; stroke-linecap: round; fill: none; }
.plot .bar.small { stroke-width: 1; } .plot .dot.small { stroke-width: 3; }
.plot .marked { stroke: var(--warn); } .plot .column { fill: var(--main); } .plot .name { fill: transparent; stroke: none; } .plot .name:hover { fill: var(--main); fill-opacity: .35; }
.plot .curve { stroke: var(--ink); stroke-width: 1.4; fill: none; }
.point { display: none; margin-top: .8rem; } .point:target { display: block; } .point img { display: block; width: 100%; max-width: 640px; height: auto; border-radius: 4px; background: var(--sky); }
.point .names { display: grid; grid-template-columns: 1fr 1fr 1fr; max-width: 640px; color: var(--soft); font-size: .8rem; text-align: center; }
.cuts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); }
.cuts figure { padding: .7rem; } .cuts img { display: block; width: 100%; height: auto; border-radius: 4px; background: var(--sky); } .cuts .names { display: grid; grid-template-columns: 1fr 1fr 1fr; color: var(--soft); font-size: .8rem; text-align: center; }
.wide { overflow-x: auto; } .wide td { overflow-wrap: break-word; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; }
th { text-align: left; color: var(--soft); font-weight: 500; white-space: nowrap; }
th, td { padding: .32rem .8rem .32rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.stages td:first-child { white-space: nowrap; } td.share { width: 34%; min-width: 70px; } .share div { height: .55rem; margin-top: .45rem; border-radius: 3px; background: var(--main); min-width: 1px; }
td code { white-space: normal; } code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { margin-top: .8rem; padding: .7rem 1rem; } summary { cursor: pointer; font-weight: 600; } details[open] summary { margin-bottom: .6rem; }
.files { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: .2rem 1.2rem; margin: 0; padding: 0; list-style: none; }
.files span { color: var(--soft); font-size: .85rem; }
footer { margin-top: 2rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 500px) { body { padding: 1rem .7rem 2rem; } h1 { font-size: 1.5rem; } .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; } figure, .card { padding: .7rem; } .share { display: none; } .plot text { font-size: 15.5px; } th, td { padding-right: .5rem; } th, th.n { white-space: normal; overflow-wrap: normal; } .stages td:first-child { white-space: normal; overflow-wrap: normal; } }
@media print { body { max-width: none; background: #fff; } details { display: none; } figure, .card { break-inside: avoid; } }
)css";
}

}  // namespace tessera::report
