//! Small hybrid ISOs for tests, written from the standards and not with the code under test.

/// What a sample is made of.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Text of /sigmavault/manifest.json.
    pub manifest: Vec<u8>,
    /// Volume id.
    pub volume_id: &'static str,
    /// Rock Ridge names; else upper-case ISO names.
    pub rock_ridge: bool,
    /// Partitions: type, GUID, name, sectors of 512 bytes.
    pub partitions: Vec<([u8; 16], [u8; 16], &'static str, u64)>,
}

/// First block of the ISO's files.
const ROOT: usize = 20;
const FOLDER: usize = 21;
const CONTINUATION: usize = 22;
const MANIFEST: usize = 23;

impl Sample {
    /// The whole file: system area with GPT, volume descriptors, one folder with one file, partitions, backup GPT.
    pub fn bytes(&self) -> Vec<u8> {
        let data = MANIFEST + self.manifest.len().div_ceil(2048);
        let mut disk = vec![0; data * 2048];
        let blocks = |bytes: u64| usize::try_from(bytes).unwrap_or(0);

        let (mut entries, mut next) = (vec![0; 128 * 128], data as u64 * 4);
        for (nth, (kind, guid, name, sectors)) in self.partitions.iter().enumerate() {
            let entry = &mut entries[nth * 128..][..128];
            entry[..16].copy_from_slice(kind);
            entry[16..32].copy_from_slice(guid);
            entry[32..40].copy_from_slice(&next.to_le_bytes());
            entry[40..48].copy_from_slice(&(next + sectors - 1).to_le_bytes());
            for (unit, letter) in entry[56..].chunks_exact_mut(2).zip(name.encode_utf16()) {
                unit.copy_from_slice(&letter.to_le_bytes());
            }
            next += sectors;
        }
        // Backup entries and header fill the last 33 sectors of a whole number of blocks.
        let total = (next + 33).div_ceil(4) * 4;
        disk.resize(blocks(total * 512), 0);

        self.descriptors(&mut disk, u32::try_from(total / 4).unwrap_or(0));
        self.folders(&mut disk);
        disk[MANIFEST * 2048..][..self.manifest.len()].copy_from_slice(&self.manifest);
        for (own, other, at) in [(1, total - 1, 2), (total - 1, 1, total - 33)] {
            let header = header(own, other, at, total - 34, &entries);
            disk[blocks(own * 512)..][..header.len()].copy_from_slice(&header);
            disk[blocks(at * 512)..][..entries.len()].copy_from_slice(&entries);
        }
        disk
    }

    /// The same with these contents of the partitions, in their order.
    pub fn with_contents(&self, contents: &[Vec<u8>]) -> Vec<u8> {
        let mut disk = self.bytes();
        let mut at = (MANIFEST + self.manifest.len().div_ceil(2048)) * 2048;
        for ((_, _, _, sectors), content) in self.partitions.iter().zip(contents) {
            disk[at..][..content.len()].copy_from_slice(content);
            at += usize::try_from(sectors * 512).unwrap_or(0);
        }
        disk
    }

    fn descriptors(&self, disk: &mut [u8], blocks: u32) {
        let primary = &mut disk[16 * 2048..][..2048];
        primary[..7].copy_from_slice(b"\x01CD001\x01");
        primary[40..72].fill(b' ');
        primary[40..40 + self.volume_id.len()].copy_from_slice(self.volume_id.as_bytes());
        primary[80..84].copy_from_slice(&blocks.to_le_bytes());
        primary[84..88].copy_from_slice(&blocks.to_be_bytes());
        primary[128..130].copy_from_slice(&2048_u16.to_le_bytes());
        let root = record(b"\0", ROOT, 2048, true, &[]);
        primary[156..156 + root.len()].copy_from_slice(&root);
        disk[17 * 2048..][..7].copy_from_slice(b"\xffCD001\x01");
    }

    fn folders(&self, disk: &mut [u8]) {
        let folder_name: &[u8] = b"SIGMAVAULT";
        let file_name: &[u8] = if self.rock_ridge {
            b"MANIFEST.JSO;1"
        } else {
            b"MANIFEST.JSON;1"
        };
        let (mut dot, mut folder, mut file) = (Vec::new(), Vec::new(), Vec::new());
        if self.rock_ridge {
            dot.extend(b"SP\x07\x01\xbe\xef\x00");
            folder.extend(b"NM\x0f\x01\x00sigmavault");
            // The name in two parts, the second in a continuation area.
            file.extend(b"NM\x0a\x01\x01manif");
            file.extend(b"CE\x1c\x01");
            let tail = b"NM\x0d\x01\x00est.json";
            for number in [CONTINUATION, 100, tail.len()] {
                let number = u32::try_from(number).unwrap_or(0);
                file.extend(number.to_le_bytes());
                file.extend(number.to_be_bytes());
            }
            disk[CONTINUATION * 2048 + 100..][..tail.len()].copy_from_slice(tail);
        }
        let root = [
            record(b"\0", ROOT, 2048, true, &dot),
            record(b"\x01", ROOT, 2048, true, &[]),
            record(folder_name, FOLDER, 2048, true, &folder),
        ];
        let inside = [
            record(b"\0", FOLDER, 2048, true, &[]),
            record(b"\x01", ROOT, 2048, true, &[]),
            record(file_name, MANIFEST, self.manifest.len(), false, &file),
        ];
        for (block, records) in [(ROOT, root.concat()), (FOLDER, inside.concat())] {
            disk[block * 2048..][..records.len()].copy_from_slice(&records);
        }
    }
}

fn record(name: &[u8], block: usize, size: usize, folder: bool, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33];
    for (at, number) in [(2, block), (10, size)] {
        let number = u32::try_from(number).unwrap_or(0);
        record[at..at + 4].copy_from_slice(&number.to_le_bytes());
        record[at + 4..at + 8].copy_from_slice(&number.to_be_bytes());
    }
    record[25] = u8::from(folder) * 2;
    record[32] = u8::try_from(name.len()).unwrap_or(0);
    record.extend(name);
    record.resize(record.len().next_multiple_of(2), 0);
    record.extend(system_use);
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = u8::try_from(record.len()).unwrap_or(0);
    record
}

fn header(own: u64, other: u64, at: u64, last: u64, entries: &[u8]) -> Vec<u8> {
    let mut header = b"EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    for number in [own, other, 34, last] {
        header.extend(number.to_le_bytes());
    }
    header.extend([0x33; 16]);
    header.extend(at.to_le_bytes());
    header.extend(128_u32.to_le_bytes());
    header.extend(128_u32.to_le_bytes());
    header.extend(crc32fast::hash(entries).to_le_bytes());
    let crc = crc32fast::hash(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    header
}
