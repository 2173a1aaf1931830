//! A graph as a Mermaid flow chart.

use std::fmt::Write as _;

use super::{
    Graph,
    stage::{Stage, Until},
};

impl Graph {
    /// The stages and what each follows from. Dashed stages run in some jobs only.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for (at, stage) in self.stages.iter().enumerate() {
            draw_stage(&mut text, at, stage);
            for before in &stage.after {
                if self.is_implied(at, before.stage) {
                    continue;
                }
                let from = if self.stages[before.stage].wide { 'g' } else { 's' };
                let arrow = if before.needed && stage.always { "-->" } else { "-.->" };
                let _ = writeln!(text, "  {from}{} {arrow} s{at}", before.stage);
            }
        }
        for end in &self.ends {
            let _ = writeln!(text, "  s{end} --> done([done])");
        }
        let sometimes: Vec<_> = (0..self.stages.len()).filter(|at| !self.stages[*at].always).collect();
        if !sometimes.is_empty() {
            let names: Vec<_> = sometimes.iter().map(|at| format!("s{at}")).collect();
            let _ = writeln!(text, "  classDef sometimes stroke-dasharray: 4\n  class {} sometimes", names.join(","));
        }
        text
    }

    /// Whether a stage follows from another by way of a third one as well, so that its arrow says nothing new.
    fn is_implied(&self, at: usize, before: usize) -> bool {
        self.stages[at].after.iter().any(|other| other.stage != before && self.follows(other.stage, before))
    }

    fn follows(&self, at: usize, before: usize) -> bool {
        self.stages[at].after.iter().any(|other| other.stage == before || self.follows(other.stage, before))
    }
}

fn draw_stage(text: &mut String, at: usize, stage: &Stage) {
    let Stage { name, kind, tree, .. } = stage;
    let _ = match tree {
        None => writeln!(text, "  s{at}[\"{name}<br/><i>{kind}</i>\"]"),
        Some(tree) => {
            let how = match (&tree.merge, tree.until) {
                (None, _) => "waits for all",
                (Some(_), Until::OneGroup) => "64 to one, until at most 64 are left",
                (Some(_), Until::OneResult) => "64 to one, until one is left",
            };
            writeln!(
                text,
                "  s{at}[[\"{name} ×N<br/><i>{kind}</i>\"]]\n  g{at}{{{{\"{}<br/><i>{how}</i>\"}}}}\n  s{at} --> g{at}",
                tree.name
            )
        }
    };
}
