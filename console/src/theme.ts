import { useState } from "preact/hooks";

const KEPT = "medley.theme";

function apply(theme: string) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function startTheme() {
  apply(localStorage.getItem(KEPT) ?? "system");
}

export function useTheme(): [string, (theme: string) => void] {
  const [theme, set] = useState(localStorage.getItem(KEPT) ?? "system");
  const change = (wanted: string) => {
    localStorage.setItem(KEPT, wanted);
    apply(wanted);
    set(wanted);
  };
  return [theme, change];
}
