// Builds console/dist: a page, its style and scripts, split by what is looked at, each named by its hash and compressed once.
import { build } from "esbuild";
import { brotliCompressSync, constants } from "node:zlib";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");

// What was built before goes; dist/.gitignore stays, so that the folder is always there.
rmSync(join(dist, "assets"), { recursive: true, force: true });
mkdirSync(join(dist, "assets"), { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { main: "src/main.tsx" },
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "eof",
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs);
const entry = outputs.find(([, output]) => output.entryPoint === "src/main.tsx");
const style = outputs.find(([path]) => basename(path).startsWith("main-") && path.endsWith(".css"));
// What the first page needs of other files starts loading with it, not after it.
const first = entry[1].imports.filter((one) => one.kind === "import-statement").map((one) => basename(one.path));
const page = readFileSync(join(here, "index.html"), "utf8")
  .replace("%STYLE%", `/assets/${basename(style[0])}`)
  .replace("%SCRIPT%", `/assets/${basename(entry[0])}`)
  .replace("%PRELOAD%", first.map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join("\n    "));
writeFileSync(join(dist, "index.html"), page);
writeFileSync(join(dist, "assets", "icon.svg"), readFileSync(join(here, "icon.svg")));

let sent = 0;
for (const name of ["index.html", ...readdirSync(join(dist, "assets")).map((name) => join("assets", name))]) {
  const bytes = readFileSync(join(dist, name));
  const packed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  if (packed.length < bytes.length) writeFileSync(join(dist, `${name}.br`), packed);
  const isFirst = name === "index.html" || [entry[0], style[0]].some((path) => basename(path) === basename(name))
    || first.includes(basename(name));
  if (isFirst) sent += packed.length;
  if (process.argv.includes("--sizes")) console.log(`${packed.length}\t${bytes.length}\t${name}${isFirst ? "\tfirst" : ""}`);
}
console.log(`console: first load ${(sent / 1000).toFixed(1)} kB compressed`);
if (sent > 150_000) throw new Error("the first load has more than 150 kB: split what is not looked at first");
if (!existsSync(join(dist, "index.html"))) throw new Error("nothing was built");
