use medley_step::graph::Graph;

use crate::kinds::Nests;

#[test]
fn a_graph_is_printed_as_mermaid() {
    let expected = r#"flowchart TD
  s0["before-plan<br/><i>toy</i>"]
  s1[["before-part ×N<br/><i>toy</i>"]]
  g1{{"before-merge<br/><i>64 to one, until at most 64 are left</i>"}}
  s1 --> g1
  s0 -.-> s1
  s2["before-end<br/><i>toy</i>"]
  g1 -.-> s2
  s3["plan<br/><i>toy</i>"]
  s2 -.-> s3
  s4[["part ×N<br/><i>toy</i>"]]
  g4{{"merge<br/><i>waits for all</i>"}}
  s4 --> g4
  s3 --> s4
  s5["end<br/><i>toy</i>"]
  g4 --> s5
  s6[["again ×N<br/><i>toy</i>"]]
  g6{{"again-merge<br/><i>waits for all</i>"}}
  s6 --> g6
  s5 -.-> s6
  s7["last<br/><i>toy</i>"]
  g6 -.-> s7
  s7 --> done([done])
  s5 --> done([done])
  classDef sometimes stroke-dasharray: 4
  class s0,s1,s2,s6,s7 sometimes
"#;
    assert_eq!(Graph::of::<Nests>().unwrap().mermaid(), expected);
}
