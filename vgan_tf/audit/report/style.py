"""The style sheet of the page: light and dark, phone and desk, screen and paper."""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f4f6f8;--ink:#1c1e21;--soft:#5b616b;--line:#d9dce1;--faint:#e4e7eb;
--dot:#3c66c4;--cell:60,102,196;--bad:#b3261e;--good:#1d6b3a;--unsure:#8a5a00;--guess:#77808d}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--panel:#1e2125;--ink:#e6e8eb;--soft:#a2a9b4;--line:#363a41;
--faint:#2a2e34;--dot:#8fb0ff;--cell:110,145,235;--bad:#ff8a80;--good:#7fd49b;--unsure:#f0bf5f;--guess:#969eaa}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:820px;padding:16px;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,
sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;margin:.2em 0}
h2{font-size:1.3rem;line-height:1.3;margin:2.2em 0 .5em;border-top:1px solid var(--line);padding-top:.9em}
h3{font-size:1.05rem;margin:1.8em 0 .2em}
h4{font-size:.9rem;margin:1.1em 0 .1em}
p{margin:.45em 0;max-width:66ch}
ul{padding-left:1.2em;max-width:66ch}
li{margin:.25em 0}
a{color:inherit}
.soft,figcaption{color:var(--soft);font-size:.875rem}
h3+.none{margin-top:0}
.none{color:var(--soft);font-style:italic}
.warning{border:2px solid var(--unsure);border-radius:6px;padding:.5em .8em}
.verdict{border-left:6px solid var(--unsure);background:var(--panel);padding:.8em 1em;margin:1em 0;border-radius:0 6px
6px 0}
.verdict b{display:block;font-size:1.3rem;line-height:1.3;color:var(--unsure)}
.verdict.leaks{border-color:var(--bad)}.verdict.leaks b{color:var(--bad)}
.verdict.clean{border-color:var(--good)}.verdict.clean b{color:var(--good)}
.verdict svg{display:block;margin:.8em 0 .3em;width:100%;max-width:420px;height:auto}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.5em 1.2em;margin:1em 0 0;padding:0}
.facts div{border-top:1px solid var(--line);padding-top:.3em}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}
.contents{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:0 2em;font-size:.9rem;margin:1em 0;
max-width:none}
.chart{list-style:none;padding:0;margin:.5em 0 1em;max-width:none;font-size:.875rem;font-variant-numeric:tabular-nums}
.chart li{display:grid;grid-template-columns:minmax(0,15em) minmax(0,1fr) 9.5em;gap:0 1.2em;align-items:center;margin:0;
break-inside:avoid}
.chart li>span{padding:.3em 0;line-height:1.3}
.chart small,.chart i{display:block;font-size:.78rem;font-style:normal;color:var(--soft)}
.chart div{grid-column:2;position:relative;align-self:stretch;min-height:26px}
.chart svg{position:absolute;width:100%;height:100%;overflow:visible}
.chart .head div,.chart .axis div{min-height:18px}
.track{stroke:var(--faint);stroke-width:6;stroke-linecap:round}
.guess{stroke:var(--guess);stroke-width:2;stroke-dasharray:4 3}
.whisker{stroke:var(--dot);stroke-width:2.5}
.dot{fill:var(--ground);stroke:var(--dot);stroke-width:2.5}
.above .whisker{stroke:var(--bad)}.above .dot{fill:var(--bad);stroke:var(--bad)}.above b{color:var(--bad)}
.chart text{fill:var(--soft);font-size:12px}
.scroll{overflow-x:auto;margin:.5em 0 1em}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3em .9em .3em 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;vertical-align:bottom}
td+td,th+th{text-align:right}
td+td{white-space:nowrap}
th+th{max-width:11em}
td:first-child{min-width:9em}
.matrix td,.matrix th{padding:.25em;text-align:center;font-size:.75rem;border:1px solid var(--line);min-width:2.3em;
font-weight:400;vertical-align:bottom;white-space:nowrap}
.matrix td:first-child{min-width:2.3em}
.matrix tr>th:first-child{text-align:right}
.matrix thead th span{writing-mode:vertical-rl}
.matrices{display:flex;flex-wrap:wrap;gap:0 2em}
.matrices>div{max-width:100%}
.map{width:100%;max-width:320px;image-rendering:pixelated}
.pictures{margin:1em 0}
.pictures div{display:grid;grid-template-columns:minmax(0,7em) minmax(0,1fr);gap:0 .8em;align-items:center;
margin-bottom:3px;break-inside:avoid;font-size:.8rem;line-height:1.25}
.pictures img{display:block;width:100%;height:auto}
@media(max-width:600px){
.chart li{grid-template-columns:minmax(0,1fr) auto;gap:0 .8em;padding-top:.35em}
.chart li>span{padding:0}
.chart div{grid-row:2;grid-column:1/-1;min-height:22px}
.chart .head,.chart .axis{padding-top:0}
.pictures div{grid-template-columns:minmax(0,1fr)}
}
@media print{
:root{color-scheme:light;--ground:#fff;--panel:#fff;--ink:#000;--soft:#444;--line:#bbb;--faint:#ddd;--dot:#234a9f;
--bad:#a11;--good:#175;--unsure:#740;--guess:#555}
body{max-width:none;padding:0;font-size:10.5pt}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.contents{display:none}
h2,h3,h4{break-after:avoid}
.scroll{overflow:visible}
}
"""
