//! Brightness of pixels, as Pillow has it.

/// Brightness of an RGB pixel, as Pillow's `convert("L")` has it (ITU-R 601, 16 bits after the point).
pub(super) fn grey(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_is_weighed_by_the_eye() {
        assert_eq!([grey(&[255, 0, 0]), grey(&[0, 255, 0]), grey(&[0, 0, 255]), grey(&[9, 9, 9])], [76, 150, 29, 9]);
    }
}
