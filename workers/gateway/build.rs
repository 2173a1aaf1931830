//! Embeds the console that `scripts/setup.sh` built (console/dist). Without it the gateway is built all the same, and its page
//! says how to build the console.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by variables where it is and where to write")]
fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../console/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut names = Vec::new();
    for folder in ["", "assets"] {
        for entry in fs::read_dir(dist.join(folder)).into_iter().flatten() {
            let entry = entry?;
            let name = Path::new(folder).join(entry.file_name()).display().to_string();
            let is_source = name.ends_with(".br") || name.starts_with('.');
            if entry.file_type()?.is_file() && !is_source {
                names.push(name);
            }
        }
    }
    names.sort();
    // Of copies, so that a console that is built anew meanwhile does not break this build.
    let out = Path::new(&env::var("OUT_DIR")?).to_owned();
    fs::create_dir_all(out.join("console/assets"))?;
    let mut code = String::from("&[\n");
    for name in names {
        let path = copied(&dist, &out, &name)?;
        let packed = format!("{name}.br");
        let brotli = match dist.join(&packed).exists() {
            true => format!("Some(include_bytes!({:?}))", copied(&dist, &out, &packed)?),
            false => "None".to_owned(),
        };
        writeln!(code, "File {{ name: {name:?}, bytes: include_bytes!({path:?}), brotli: {brotli} }},")?;
    }
    code.push(']');
    fs::write(out.join("console_files.rs"), code)?;
    Ok(())
}

fn copied(dist: &Path, out: &Path, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let copy = out.join("console").join(name);
    fs::copy(dist.join(name), &copy)?;
    Ok(copy)
}
