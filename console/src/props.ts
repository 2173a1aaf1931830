import type { Place } from "./route";
import type { Job, Session } from "./types";

/** What every page is given. */
export interface PageProps {
  place: Place;
  session: Session;
}

/** What every view of a result is given. */
export interface ResultProps {
  job: Job;
  mayEdit: boolean;
  /** Called after a correction. */
  changed: () => void;
}
