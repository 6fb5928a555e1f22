//! Pictures of every kind beside the hashes that imagehash 4.3 (over Pillow 12) gives of them.

use super::*;

macro_rules! picture {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../../tests/fixtures/images/", $path)).as_slice())
    };
}

fn format(path: &str) -> &str {
    match path.rsplit('.').next() {
        Some("jpg") => "jpeg",
        other => other.unwrap_or_default(),
    }
}

#[test]
fn hashes_are_those_that_others_reckon() {
    for ((path, data), size, hash) in [
        (picture!("shoe/plain.jpg"), (200, 150), 0xbfc1_c03f_954a_6195),
        (picture!("shoe/progressive.jpg"), (200, 150), 0xbfc1_c03f_954a_6195),
        (picture!("shoe/grey.jpg"), (200, 150), 0xbfc1_c03f_954a_6195),
        (picture!("shoe/inks.jpg"), (90, 70), 0xbfc1_c03f_954a_6391),
        // Read at an eighth.
        (picture!("shoe/large.jpg"), (150, 113), 0xbfc1_c03f_954a_6391),
        (picture!("shoe/small.png"), (90, 70), 0xbfc1_c03f_954a_6195),
        (picture!("shoe/few.gif"), (90, 70), 0xbfc1_c03f_954a_6195),
        (picture!("shoe/few.bmp"), (64, 48), 0xbfc1_c03f_954a_6195),
        (picture!("dress/plain.jpg"), (120, 160), 0xe796_9869_c738_c169),
        (picture!("dress/glass.png"), (90, 120), 0xe596_9869_c738_c761),
    ] {
        let read = read(format(path), data).unwrap();
        assert_eq!((read.width, read.height), size, "{path}");
        // Rounding of decoders may turn a frequency near the median.
        assert!(distance(phash(&read), hash) <= 2, "{path}: {:016x}", phash(&read));
    }
}

#[test]
fn a_thumbnail_is_a_small_picture_of_the_same() {
    for (path, data) in [picture!("shoe/large.jpg"), picture!("dress/plain.jpg"), picture!("shoe/few.bmp")] {
        let whole = read(format(path), data).unwrap();
        let small = thumbnail(&whole);
        let again = read("png", &small).unwrap();
        assert!(again.width <= 96 && again.height <= 96 && small.len() < 28_500, "{path}");
        assert!(distance(phash(&whole), phash(&again)) <= 2, "{path}");
    }
}

#[test]
fn a_picture_of_one_colour_has_one_hash() {
    let plain =
        |width: usize, height: usize, level: u8| Picture { width, height, rgb: vec![level; width * height * 3] };
    let hashes = [plain(1, 1, 200), plain(70, 30, 200), plain(33, 500, 9)].map(|picture| phash(&picture));
    assert_eq!(hashes, [0x8000_0000_0000_0000; 3]);
}

/// Wherever a file is cut, or a byte of it changed, there is a picture or a [`Trouble`], and never a panic.
#[test]
fn damage_is_told_and_stops_nothing() {
    for (path, data) in [
        picture!("shoe/plain.jpg"),
        picture!("shoe/progressive.jpg"),
        picture!("shoe/inks.jpg"),
        picture!("dress/glass.png"),
        picture!("shoe/few.gif"),
        picture!("shoe/few.bmp"),
    ] {
        for cut in (0..data.len()).step_by(61) {
            _ = read(format(path), &data[..cut]);
            let mut bent = data.to_vec();
            bent[cut] ^= 0x55;
            _ = read(format(path), &bent);
        }
        let half = read(format(path), &data[..data.len() / 2]);
        assert_eq!(half, Err(Trouble::Damaged), "{path}");
    }
    assert_eq!(read("png", include_bytes!("../../../tests/fixtures/images/odd/bomb.png")), Err(Trouble::TooLarge));
    assert_eq!(read("webp", b"RIFF"), Err(Trouble::NotRead("WebP")));
}
