//! Writes lines out as the voices are given them, numbers in words and Chinese with pinyin: `read < lines.txt`.

use std::io;

use medley_speak::WrittenOut;

fn main() -> io::Result<()> {
    let written_out = WrittenOut::default();
    for line in io::stdin().lines() {
        let line = line?;
        println!("{line}\t{}", written_out.of(&line, None));
    }
    Ok(())
}
