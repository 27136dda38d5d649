//! Pictures of a machine's screen: read from PNG, measured, and enlarged for OCR.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

/// Smallest difference of brightness that counts as an edge.
const STEP: u8 = 24;

/// A picture of 8-bit RGB pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

/// A picture that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be opened or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The file cannot be decoded.
    #[error("{0}")]
    Decode(#[from] png::DecodingError),
    /// The picture cannot be encoded.
    #[error("{0}")]
    Encode(#[from] png::EncodingError),
    /// The file is a kind of PNG that QEMU does not write.
    #[error("it is a {0} PNG, not 8-bit RGB or RGBA")]
    Kind(String),
}

impl Picture {
    /// A picture whose pixels are `pixel(column, row)`.
    pub fn from_fn(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let rgb = (0..width * height)
            .map(|at| pixel(at % width, at / width))
            .collect();
        Self { width, height, rgb }
    }

    /// Reads a PNG.
    pub fn read(path: &Path) -> Result<Self, PictureError> {
        let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
        let (colour, depth) = reader.output_color_type();
        let kind = || PictureError::Kind(format!("{colour:?} {depth:?}"));
        let channels = match (colour, depth) {
            (png::ColorType::Rgb, png::BitDepth::Eight) => 3,
            (png::ColorType::Rgba, png::BitDepth::Eight) => 4,
            _ => return Err(kind()),
        };
        let mut bytes = vec![0; reader.output_buffer_size().ok_or_else(kind)?];
        let frame = reader.next_frame(&mut bytes)?;
        bytes.truncate(frame.buffer_size());
        Ok(Self {
            width: frame.width as usize,
            height: frame.height as usize,
            rgb: bytes
                .chunks_exact(channels)
                .map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
        })
    }

    /// Writes a grey picture of twice the size: interface text is small for OCR. Coloured text becomes as bright as
    /// white.
    pub fn write_for_ocr(&self, path: &Path) -> Result<(), PictureError> {
        let grey: Vec<u8> = self.rgb.iter().map(|[r, g, b]| *r.max(g).max(b)).collect();
        let (width, height) = (self.width * 2, self.height * 2);
        let mut large = Vec::with_capacity(width * height);
        for y in 0..height {
            let (top, bottom) = (y / 2, (y.div_ceil(2)).min(self.height - 1));
            for x in 0..width {
                let (left, right) = (x / 2, (x.div_ceil(2)).min(self.width - 1));
                let at = |x: usize, y: usize| u16::from(grey[y * self.width + x]);
                let sum = at(left, top) + at(right, top) + at(left, bottom) + at(right, bottom);
                large.push(u8::try_from(sum / 4).unwrap_or(u8::MAX));
            }
        }
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), size(width), size(height));
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder.write_header()?.write_image_data(&large)?;
        Ok(())
    }

    /// Rec. 601 luma of every pixel.
    fn brightness(&self) -> Vec<u8> {
        let luma = |[r, g, b]: [u8; 3]| (u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1000;
        self.rgb
            .iter()
            .map(|pixel| u8::try_from(luma(*pixel)).unwrap_or(u8::MAX))
            .collect()
    }

    /// Measures the picture.
    pub fn measure(&self) -> Measures {
        let mut colours: HashMap<[u8; 3], usize> = HashMap::new();
        for pixel in &self.rgb {
            *colours.entry(pixel.map(|channel| channel >> 3)).or_default() += 1;
        }
        let grey = self.brightness();
        let rows = grey.chunks_exact(self.width.max(1));
        let steps: usize = rows
            .map(|row| {
                row.windows(2)
                    .filter(|pair| pair[0].abs_diff(pair[1]) >= STEP)
                    .count()
            })
            .sum();
        Measures {
            width: self.width,
            height: self.height,
            colours: colours.len(),
            uniform: share(
                colours.values().copied().max().unwrap_or_default(),
                self.rgb.len(),
            ),
            edges: share(steps, self.rgb.len()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of pixels are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Properties of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Distinct colours at 5 bits per channel.
    pub colours: usize,
    /// Share of the most frequent colour.
    pub uniform: f64,
    /// Share of horizontal neighbours with a visible step between them.
    pub edges: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 320;
    const HEIGHT: usize = 200;

    #[test]
    fn measures_of_known_pictures() {
        let black = Picture::from_fn(WIDTH, HEIGHT, |_, _| [0; 3]).measure();
        assert_eq!((black.colours, black.width, black.height), (1, WIDTH, HEIGHT));
        assert!((black.uniform - 1.0).abs() < 1e-9 && black.edges.abs() < 1e-9);
        let stripes =
            Picture::from_fn(WIDTH, HEIGHT, |x, _| if x % 2 == 0 { [0; 3] } else { [255; 3] }).measure();
        assert_eq!(stripes.colours, 2);
        assert!((stripes.edges - share(WIDTH - 1, WIDTH)).abs() < 1e-9);
    }

    fn write(path: &Path, width: u32, height: u32, colour: png::ColorType, bytes: &[u8]) {
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
        encoder.set_color(colour);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    }

    #[test]
    fn pngs_are_read_and_enlarged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        write(&path, 2, 1, png::ColorType::Rgb, &[255, 0, 0, 0, 0, 55]);
        let read = Picture::read(&path).unwrap();
        assert_eq!(
            read,
            Picture {
                width: 2,
                height: 1,
                rgb: vec![[255, 0, 0], [0, 0, 55]]
            }
        );
        write(&path, 1, 1, png::ColorType::Rgba, &[1, 2, 3, 255]);
        assert_eq!(Picture::read(&path).unwrap().rgb, [[1, 2, 3]]);

        let large = folder.path().join("b.png");
        read.write_for_ocr(&large).unwrap();
        let mut reader = png::Decoder::new(BufReader::new(File::open(&large).unwrap()))
            .read_info()
            .unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        // Red is as bright as white would be.
        assert_eq!(bytes, [255, 155, 55, 55, 255, 155, 55, 55]);
    }

    #[test]
    fn other_pictures_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        write(&path, 1, 1, png::ColorType::Grayscale, &[1]);
        assert!(matches!(Picture::read(&path), Err(PictureError::Kind(_))));
        std::fs::write(&path, "no picture").unwrap();
        assert!(matches!(Picture::read(&path), Err(PictureError::Decode(_))));
    }
}
