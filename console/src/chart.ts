import uPlot from "uplot";

const LINES = ["#0b8a80", "#b45309", "#6d4aff", "#be185d", "#2563eb", "#65a30d", "#a16207", "#0e7490"];
/** The chart shows five minutes at least. */
const LEAST_S = 300;
const DASHES = [[], [6, 3], [2, 2], [10, 4, 2, 4]];

/** Steps that wait, a line for each kind: told apart by colour and by dashes. */
export function chart(place: HTMLElement, kinds: string[], data: number[][], axis: string): uPlot & { setData: (data: number[][]) => void } {
  const colour = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axes = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const series = kinds.map((label, n) => ({ label, stroke: LINES[n % LINES.length], dash: DASHES[n % DASHES.length], width: 1.5, points: { show: false } }));
  const options: uPlot.Options = {
    width: place.clientWidth || 600, height: 180, legend: { live: false }, cursor: { show: false },
    scales: { x: { range: (_, min, max) => [Math.min(min, max - LEAST_S), max] }, y: { range: (_, __, max) => [0, Math.max(5, max * 1.1)] } },
    series: [{}, ...series], axes: [axes, { ...axes, label: axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000] }],
  };
  return new uPlot(options, data as uPlot.AlignedData, place) as uPlot & { setData: (data: number[][]) => void };
}
