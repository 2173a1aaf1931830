use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker, tasks};

use crate::{
    config::PortraitConfig,
    networks::Networks,
    step::{Join, Mux, PortraitOutput, PortraitStep, Prepare, Render, Script},
    steps::{mux, prepare, render, script},
};

/// The worker of the kinds `portrait` and `news`.
#[derive(Debug)]
pub struct PortraitWorker {
    config: PortraitConfig,
    networks: Networks,
}

tasks!(PortraitWorker: PortraitStep => struct PortraitOutput {
    Script(Script),
    Prepare(Prepare),
    Render(Render),
    Join(Join),
    Mux(Mux),
});

impl Worker for PortraitWorker {
    const KIND: &'static str = "portrait";
    type Config = PortraitConfig;
    type Params = PortraitStep;
    type Output = PortraitOutput;

    fn build(config: Self::Config, cx: &BuildContext) -> Result<Self, BuildError> {
        let networks = Networks::new(&config, cx);
        Ok(Self { config, networks })
    }

    fn run(&self, params: Self::Params, cx: &StepContext<'_>) -> Result<Self::Output, StepError> {
        match params {
            PortraitStep::Script(script) => script::run(script, cx),
            PortraitStep::Prepare(prepare) => prepare::run(&prepare, &self.networks, self.config.max_sound_s, cx),
            PortraitStep::Render(render) => render::run(render, &self.networks, cx),
            PortraitStep::Join(join) => mux::join(join, cx),
            PortraitStep::Mux(mux) => mux::run(&mux, cx),
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.networks.used()
    }
}
