//! A program with a kind of its own: `toy run shout "hello" --times 2`.

use std::{fs, process::ExitCode};

use medley::{
    kind::{
        BuildContext, BuildError, ErrorCode, Fragment, Kind, One, Recipe, Sample, Scope, StepContext, StepError, Worker,
    },
    schemars::JsonSchema,
    serde::{Deserialize, Serialize},
};

/// What the user may set: each field is a flag, its comment the flag's help.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(crate = "medley::serde", default, deny_unknown_fields)]
#[schemars(crate = "medley::schemars")]
struct ShoutParams {
    /// How often it is said.
    times: usize,
}

impl Default for ShoutParams {
    fn default() -> Self {
        Self { times: 1 }
    }
}

/// What one step answers.
#[derive(Serialize, JsonSchema)]
#[serde(crate = "medley::serde")]
#[schemars(crate = "medley::schemars")]
struct ShoutOutput {
    words: usize,
}

struct Shout;

impl Worker for Shout {
    const KIND: &'static str = "shout";
    type Config = ();
    type Params = ShoutParams;
    type Output = ShoutOutput;

    fn build(_: (), _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self)
    }

    fn run(&self, params: ShoutParams, cx: &StepContext<'_>) -> Result<ShoutOutput, StepError> {
        let input = cx.input(0)?;
        let text = fs::read_to_string(&input.path)
            .map_err(|why| StepError::bad_input(ErrorCode::MEDIA_UNDECODABLE, input, "it is no text").because(why))?;
        cx.checkpoint()?;
        cx.publish("shout.txt", "text/plain", text.to_uppercase().repeat(params.times).as_bytes())?;
        Ok(ShoutOutput { words: text.split_whitespace().count() * params.times })
    }
}

impl Recipe for Shout {
    const KIND: &'static str = "shout";
    const ABOUT: &'static str = "Say a text in capitals";
    const EXAMPLES: &'static str = "medley run shout hello -o out";
    const TAKES_TEXT: bool = true;
}

impl Fragment for Shout {
    type Params = ShoutParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, ShoutParams>) -> One<()> {
        g.whole::<Self>()
    }
}

const KIND: Kind = Kind::new("shout").worker::<Shout>().recipe::<Shout>().samples(&[Sample::Text("hello")]);

fn main() -> ExitCode {
    medley::main(&[KIND])
}
