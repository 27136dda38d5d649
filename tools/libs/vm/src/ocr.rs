//! The text on a screen, as OCR reads it.

use std::path::Path;

use crate::error::Error;
use crate::picture::Picture;
use crate::tools::{Share, ToolsTree};

/// One letter in this many may be misread.
const LETTERS_PER_MISTAKE: usize = 8;

/// How text is laid out on a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One block of lines, like a text console.
    Block,
    /// Words here and there, like a desktop.
    Scattered,
}

impl Layout {
    /// Tesseract's page segmentation mode.
    const fn mode(self) -> &'static str {
        match self {
            Self::Block => "6",
            Self::Scattered => "11",
        }
    }
}

/// Reads the text on a picture with tesseract. `work` is a folder for scratch.
pub fn read(tools: &ToolsTree, picture: &Picture, layout: Layout, work: &Path) -> Result<String, Error> {
    let large = work.join("ocr.png");
    picture.write_for_ocr(&large).map_err(Error::picture(&large))?;
    let arguments = [
        large.as_os_str(),
        "stdout".as_ref(),
        "--psm".as_ref(),
        layout.mode().as_ref(),
    ];
    tools.read("tesseract", &[Share::Read(work)], &arguments)
}

/// Whether OCR read a text, apart from letter case, white space and a few misread letters.
pub fn shows(screen: &str, text: &str) -> bool {
    let squeezed = |text: &str| -> Vec<char> {
        let words = text.split_whitespace().flat_map(str::chars);
        words.flat_map(char::to_lowercase).collect()
    };
    let (screen, text) = (squeezed(screen), squeezed(text));
    screen.windows(text.len().max(1)).any(|window| {
        let wrong = window.iter().zip(&text).filter(|(a, b)| a != b).count();
        wrong <= text.len() / LETTERS_PER_MISTAKE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_aside() {
        assert!(shows(
            " Sum mary
 of  Changes, here",
            "Summary of changes"
        ));
        assert!(shows(
            "Hho administers this machine?",
            "Who administers this machine"
        ));
        assert!(!shows(
            "Hhe adninisters thls machine?",
            "Who administers this machine"
        ));
        assert!(!shows("Summary", "Summary of changes"));
        assert!(!shows("SV-SYSTEN", "no"));
    }
}
