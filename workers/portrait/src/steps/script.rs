use std::{fs::File, io::Read};

use medley_proto::Transcript;
use medley_step::{StepContext, StepError};

use crate::{
    PortraitError,
    front_matter::{MAX_SCRIPT_BYTES, parse},
    step::{PortraitOutput, Script},
};

pub(crate) fn run(script: Script, cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    match script {
        Script::Markdown => markdown(cx),
        Script::Transcript => transcript(cx),
    }
}

fn markdown(cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    let input = cx.input(0)?;
    let mut bytes = Vec::new();
    File::open(&input.path)?.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| PortraitError::Script {
        name: input.name.clone(),
        what: "it is not UTF-8 text; save it as UTF-8".into(),
    })?;
    let (front, body) = parse(&text, &input.name)?;
    cx.publish("script.md", "text/markdown", body.as_bytes())?;
    Ok(PortraitOutput { script: Some(front), ..PortraitOutput::default() })
}

fn transcript(cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    let transcript: Transcript = cx.input_json(0)?;
    let lines: Vec<&str> = transcript.segments.iter().map(|segment| segment.text.trim()).collect();
    cx.publish("script.txt", "text/plain", lines.join("\n").as_bytes())?;
    Ok(PortraitOutput { transcript: Some(transcript), ..PortraitOutput::default() })
}
