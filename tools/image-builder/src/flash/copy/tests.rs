use std::io::Cursor;

use super::*;

/// A device in memory that can fail at a byte.
struct Fake {
    bytes: Vec<u8>,
    block: usize,
    written: Vec<(u64, usize)>,
    fails_at: Option<(u64, Errno)>,
    /// What it really has; writes beyond it are lost.
    capacity: usize,
    present: bool,
    stop_after: Option<(usize, &'static AtomicBool)>,
}

impl Fake {
    fn new(size: usize, block: usize) -> Self {
        Self {
            bytes: vec![0xEE; size],
            block,
            written: Vec::new(),
            fails_at: None,
            capacity: usize::MAX,
            present: true,
            stop_after: None,
        }
    }
}

impl Target for Fake {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn block(&self) -> usize {
        self.block
    }
    fn write_at(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        assert_eq!(at % self.block as u64, 0);
        assert_eq!(data.len() % self.block, 0);
        assert_eq!(data.as_ptr().align_offset(ALIGN), 0);
        if let Some((_, errno)) = self
            .fails_at
            .filter(|(fail, _)| at >= *fail && data.iter().any(|byte| *byte != 0))
        {
            return Err(errno.into());
        }
        let start = usize::try_from(at).unwrap();
        if start < self.capacity {
            self.bytes[start..start + data.len()].copy_from_slice(data);
        }
        self.written.push((at, data.len()));
        if let Some((writes, stop)) = self.stop_after {
            stop.store(self.written.len() >= writes, Ordering::Relaxed);
        }
        Ok(())
    }
    fn read_at(&mut self, at: u64, data: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(at).unwrap();
        data.copy_from_slice(self.bytes.get(start..start + data.len()).ok_or(Errno::EIO)?);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn present(&self) -> bool {
        self.present
    }
}

fn image(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap() | 1)
        .collect()
}

fn job(bytes: usize, stop: &AtomicBool) -> Job<'_> {
    Job {
        name: "/dev/sdb",
        bytes: bytes as u64,
        stop,
    }
}

const MIB: usize = 1 << 20;

#[test]
fn the_image_is_written_and_the_first_chunk_last() {
    let stop = AtomicBool::new(false);
    for (length, size, block) in [
        (9 * MIB + 2048, 64 * MIB, 512),
        (9 * MIB + 2048, 64 * MIB, 4096),
        (9 * MIB + 2048, 9 * MIB + 2048, 512),
        (2048, 20 * MIB, 512),
        (4 * MIB, 5 * MIB, 4096),
    ] {
        let image = image(length);
        let mut device = Fake::new(size, block);
        let mut seen = Vec::new();
        let job = job(length, &stop);
        let written = job
            .write(&mut Cursor::new(&image), &mut device, &mut |at| seen.push(at))
            .unwrap();
        assert_eq!(written.sha256.len(), 64);
        assert!(device.bytes[..length] == image);
        assert_eq!(
            device.written.last().unwrap().0,
            0,
            "the partition table comes last"
        );
        assert_eq!(seen.last(), Some(&(length as u64)));
        // The end is cleared as far as the image leaves room.
        let cleared = (size - MIB).max(length.next_multiple_of(block));
        assert!(
            device.bytes[cleared..].iter().all(|byte| *byte == 0),
            "{length} {size}"
        );
        if cleared - 1 > length.next_multiple_of(block) {
            assert_eq!(device.bytes[cleared - 1], 0xEE, "no more than the end is cleared");
        }
        job.verify(&written, &mut device, &mut |_| {}).unwrap();
    }
}

#[test]
fn sha256_is_that_of_the_image() {
    let stop = AtomicBool::new(false);
    let image = vec![b'a'; 2048];
    let written = job(2048, &stop)
        .write(&mut Cursor::new(image), &mut Fake::new(MIB, 512), &mut |_| {})
        .unwrap();
    // head -c 2048 /dev/zero | tr '\0' a | sha256sum
    assert_eq!(
        written.sha256,
        "b2a3a502fdfc34f4e3edfa94b7f3109cd972d87a4fec63ab21a6673379ccf7ad"
    );
}

#[test]
fn a_difference_is_located() {
    let stop = AtomicBool::new(false);
    let image = image(9 * MIB);
    let job = job(9 * MIB, &stop);
    let mut device = Fake::new(16 * MIB, 512);
    let written = job
        .write(&mut Cursor::new(&image), &mut device, &mut |_| {})
        .unwrap();
    device.bytes[5 * MIB] ^= 1;
    let error = job
        .verify(&written, &mut device, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "/dev/sdb reads back differently between byte 4194304 and 8388608: it is worn out or counterfeit; use another one"
    );
}

#[test]
fn a_counterfeit_disk_is_found_out() {
    let stop = AtomicBool::new(false);
    let mut device = Fake::new(16 * MIB, 512);
    device.capacity = 8 * MIB;
    let job = job(9 * MIB, &stop);
    let written = job
        .write(&mut Cursor::new(image(9 * MIB)), &mut device, &mut |_| {})
        .unwrap();
    let error = job.verify(&written, &mut device, &mut |_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            CopyError::Different {
                from: 8_388_608,
                to: 9_437_184,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn failures_say_what_to_do() {
    let stop = AtomicBool::new(false);
    let cases = [
        (
            Errno::ENODEV,
            true,
            "/dev/sdb vanished while it was written at byte 4194304: plug it in again",
        ),
        (
            Errno::EIO,
            false,
            "/dev/sdb vanished while it was written at byte 4194304: plug it in again",
        ),
        (
            Errno::EIO,
            true,
            "/dev/sdb could not be written at byte 4194304: try another port",
        ),
    ];
    for (errno, present, expected) in cases {
        let mut device = Fake::new(16 * MIB, 512);
        device.fails_at = Some((4 * MIB as u64, errno));
        device.present = present;
        let error = job(9 * MIB, &stop)
            .write(&mut Cursor::new(image(9 * MIB)), &mut device, &mut |_| {})
            .unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(
            device.bytes[..4 * MIB].iter().all(|byte| *byte == 0),
            "no partition table is left"
        );
    }
}

#[test]
fn an_iso_that_shrinks_is_an_error() {
    let stop = AtomicBool::new(false);
    let job = job(9 * MIB, &stop);
    let error = job
        .write(
            &mut Cursor::new(image(5 * MIB)),
            &mut Fake::new(16 * MIB, 512),
            &mut |_| {},
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the ISO at byte 4194304; /dev/sdb now holds nothing that boots"
    );
}

#[test]
fn stopping_leaves_nothing_that_boots() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let mut device = Fake::new(32 * MIB, 512);
    // The two ends, then the chunk at 4 MiB.
    device.stop_after = Some((3, &STOP));
    let error = job(13 * MIB, &STOP)
        .write(&mut Cursor::new(image(13 * MIB)), &mut device, &mut |_| {})
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "stopped after 8388608 of 13631488 bytes: /dev/sdb now holds nothing that boots; run the same command again to write it"
    );
    assert!(device.bytes[..4 * MIB].iter().all(|byte| *byte == 0));
}
