//! Unified kernel images, as ukify makes them: a PE file (Microsoft PE/COFF specification) with a kernel and a command
//! line.

/// Bytes of an entry in the section table.
const ENTRY: usize = 40;

/// An image with this command line; `kernel` is what it starts.
pub fn kernel_image(command_line: &str, kernel: &[u8]) -> Vec<u8> {
    let sections: [(&[u8; 8], &[u8]); 2] = [(b".cmdline", command_line.as_bytes()), (b".linux\0\0", kernel)];
    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[60..64].copy_from_slice(&0x80_u32.to_le_bytes());
    file.extend(b"PE\0\0\x64\x86\x02\0");
    file.extend([0; 12]);
    // The optional header of a 64-bit program has 240 bytes.
    file.extend(240_u16.to_le_bytes());
    file.resize(file.len() + 2 + 240, 0);
    let mut data = Vec::new();
    let data_at = (file.len() + sections.len() * ENTRY).next_multiple_of(512);
    for (name, bytes) in sections {
        let len = u32::try_from(bytes.len()).unwrap();
        let at = u32::try_from(data_at + data.len()).unwrap();
        data.extend(bytes);
        data.resize(data.len().next_multiple_of(512), 0);
        file.extend(name);
        for number in [len, 0x1000, len.next_multiple_of(512), at] {
            file.extend(number.to_le_bytes());
        }
        file.extend([0; 16]);
    }
    file.resize(data_at, 0);
    file.extend(data);
    file
}
