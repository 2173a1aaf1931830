import { render } from "preact";
import { App } from "./app";
import { startTheme } from "./theme";
import "uplot/dist/uPlot.min.css";
import "./style.css";

startTheme();
const place = document.getElementById("app");
if (place) render(<App />, place);
