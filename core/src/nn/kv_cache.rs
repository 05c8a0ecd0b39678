//! Keys and values that a decoder keeps while it writes a text, token by token.

use burn::tensor::{Int, Tensor};

use super::attention::kept_past;

/// Keys and values of the tokens so far: `[batch, key heads, kept, head_dim]` of each block. A block with a sliding window
/// keeps no more than the next token can see, so that long texts need no more memory than the window.
#[derive(Debug, Clone, Default)]
pub struct KvCache {
    layers: Vec<(Tensor<4>, Tensor<4>)>,
    pub(super) len: usize,
}

impl KvCache {
    /// Tokens so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// No tokens yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From now on row `i` is what row `rows[i]` was; there may be more rows than before, or fewer.
    ///
    /// # Shapes
    /// - `rows`: `[batch]`
    pub fn select(&mut self, rows: &Tensor<1, Int>) {
        for (key, value) in &mut self.layers {
            *key = key.clone().select(0, rows.clone());
            *value = value.clone().select(0, rows.clone());
        }
    }
}

/// The part of a cache that one block reads and extends.
pub(super) struct CachePart<'a> {
    pub(super) cache: &'a mut KvCache,
    pub(super) layer: usize,
    /// How far the block sees, itself included; `None` sees everything.
    pub(super) window: Option<usize>,
}

impl CachePart<'_> {
    /// Keys and values with those of the past before them; keeps what later tokens can see.
    pub(super) fn extend(self, key: Tensor<4>, value: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let layers = &mut self.cache.layers;
        let (key, value) = match layers.get(self.layer).cloned() {
            Some((past_key, past_value)) => {
                (Tensor::cat(vec![past_key, key], 2), Tensor::cat(vec![past_value, value], 2))
            }
            None => (key, value),
        };
        let len = key.dims()[2];
        let kept = kept_past(len, self.window);
        let last = |x: &Tensor<4>| if kept == len { x.clone() } else { x.clone().narrow(2, len - kept, kept) };
        let held = (last(&key), last(&value));
        match layers.get_mut(self.layer) {
            Some(layer) => *layer = held,
            None => layers.push(held),
        }
        (key, value)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn rows_are_what_other_rows_were() {
        let device = Device::flex();
        let tensor = |values: &[f32]| {
            let shape = [values.len() / 2, 1, 2, 1];
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        let (keys, values) = (tensor(&[1.0, 2.0, 3.0, 4.0]), tensor(&[5.0, 6.0, 7.0, 8.0]));
        let mut cache = KvCache { layers: vec![(keys, values)], len: 2 };
        let rows = Tensor::<1, Int>::from_data(TensorData::new(vec![1_i32, 1, 0], [3]), &device);
        cache.select(&rows);
        let held = |tensor: &Tensor<4>| tensor.clone().into_data().iter::<f32>().collect::<Vec<_>>();
        let (keys, values) = &cache.layers[0];
        assert_eq!((keys.dims(), cache.len()), ([3, 1, 2, 1], 2));
        assert_eq!(held(keys), [3.0, 4.0, 3.0, 4.0, 1.0, 2.0]);
        assert_eq!(held(values), [7.0, 8.0, 7.0, 8.0, 5.0, 6.0]);
    }
}
