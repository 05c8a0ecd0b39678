//! Techniques of training that a run does without unless it asks for them, each as the paper has it that its setting names.
//!
//! They are fields of their own beside those of [`RunConfig`](super::RunConfig), so that a job file says them only where there
//! are any.

use serde::{Deserialize, Serialize};

/// How many rows of each class an epoch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassSampling {
    /// Every row comes once.
    #[default]
    None,
    /// As many of each class as the largest has: rows of smaller ones come again.
    Oversample,
    /// As many of each class as the smallest has: of larger ones each epoch leaves out others.
    Undersample,
    /// As many rows as there are, in equal shares.
    Balanced,
}

impl ClassSampling {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Oversample, Self::Undersample, Self::Balanced];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Oversample => "oversample",
            Self::Undersample => "undersample",
            Self::Balanced => "balanced",
        }
    }

    /// Rows of each class in an epoch, of classes with so many rows each. A class without rows has none.
    #[must_use]
    pub fn rows_an_epoch(self, counts: &[usize]) -> Vec<usize> {
        let present = || counts.iter().copied().filter(|&count| count > 0);
        let num_classes = present().count().max(1);
        let share = match self {
            Self::None => return counts.to_vec(),
            Self::Oversample => present().max(),
            Self::Undersample => present().min(),
            Self::Balanced => return balanced(counts, num_classes),
        };
        counts.iter().map(|&count| if count == 0 { 0 } else { share.unwrap_or(0) }).collect()
    }
}

/// Equal shares that add up to all rows: what is left over goes to the first classes, a row each.
fn balanced(counts: &[usize], num_classes: usize) -> Vec<usize> {
    let rows: usize = counts.iter().sum();
    let (share, mut left) = (rows / num_classes, rows % num_classes);
    let of_class = |&count: &usize| {
        if count == 0 {
            return 0;
        }
        let more = usize::from(left > 0);
        left -= more;
        share + more
    };
    counts.iter().map(of_class).collect()
}

/// Techniques of a run; those at their defaults change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Techniques {
    /// What the learning rate is multiplied with from each layer to the one below it; 1 gives all the same
    /// (<https://arxiv.org/abs/1801.06146>).
    pub layerwise_lr_decay: f64,
    /// Epochs after which one more group is trained, from the head down; 0 trains all from the start
    /// (<https://arxiv.org/abs/1801.06146>).
    pub gradual_unfreezing: f64,
    /// Exponent of focal loss; 0 is cross-entropy (<https://arxiv.org/abs/1708.02002>).
    pub focal_gamma: f64,
    /// Of the class weights that follow the effective number of rows (<https://arxiv.org/abs/1901.05555>).
    pub effective_number_beta: f64,
    /// How many rows of each class an epoch has.
    pub class_sampling: ClassSampling,
    /// Size of the noise on token vectors; 0 adds none (<https://arxiv.org/abs/2310.05914>).
    pub neftune_noise_alpha: f64,
    /// Weight of the divergence of two passes with different dropout; 0 takes one pass
    /// (<https://arxiv.org/abs/2106.14448>).
    pub rdrop_alpha: f64,
    /// How far token vectors are moved for the second pass; 0 takes none (<https://arxiv.org/abs/1605.07725>).
    pub fgm_epsilon: f64,
    /// How strongly weights are pulled back to those that the run began with; 0 does not
    /// (<https://arxiv.org/abs/1802.01483>).
    pub l2_sp: f64,
    /// With which probability a pass replaces what a neuron reads by, by the weights that the run began with; 0 does not
    /// (<https://arxiv.org/abs/1909.11299>).
    pub mixout: f64,
    /// How far weights are moved to where the loss is higher before gradients are taken, as a share of each weight's norm; 0 does
    /// not (<https://arxiv.org/abs/2004.05884>).
    pub awp_gamma: f64,
}

impl Default for Techniques {
    fn default() -> Self {
        Self {
            layerwise_lr_decay: 1.0,
            gradual_unfreezing: 0.0,
            focal_gamma: 0.0,
            effective_number_beta: 0.999,
            class_sampling: ClassSampling::None,
            neftune_noise_alpha: 0.0,
            rdrop_alpha: 0.0,
            fgm_epsilon: 0.0,
            l2_sp: 0.0,
            mixout: 0.0,
            awp_gamma: 0.0,
        }
    }
}

impl Techniques {
    /// Whether there is nothing that a job file would have to say.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::RunConfig;
    use super::*;

    #[test]
    fn classes_are_evened_out_to_the_largest_the_smallest_or_the_mean() {
        let rows = |sampling: ClassSampling| sampling.rows_an_epoch(&[7, 0, 1, 3]);
        assert_eq!(rows(ClassSampling::None), [7, 0, 1, 3]);
        assert_eq!(rows(ClassSampling::Oversample), [7, 0, 7, 7]);
        assert_eq!(rows(ClassSampling::Undersample), [1, 0, 1, 1]);
        assert_eq!(rows(ClassSampling::Balanced), [4, 0, 4, 3]);
        assert!(ClassSampling::Balanced.rows_an_epoch(&[]).is_empty());
    }

    #[test]
    fn techniques_are_in_the_file_only_where_there_are_any() {
        let plain = serde_json::to_string(&RunConfig::default()).expect("plain values");
        assert!(!plain.contains("techniques"), "{plain}");
        let techniques =
            Techniques { focal_gamma: 2.0, class_sampling: ClassSampling::Oversample, ..Techniques::default() };
        let run = RunConfig { techniques, ..RunConfig::default() };
        let text = serde_json::to_string(&run).expect("plain values");
        assert!(text.contains("\"focal_gamma\":2.0") && text.contains("\"class_sampling\":\"oversample\""), "{text}");
        assert_eq!(serde_json::from_str::<RunConfig>(&text).expect("its own JSON"), run);
        assert!(serde_json::from_str::<RunConfig>(r#"{"techniques":{"focal":1}}"#).is_err(), "a typing error");
    }
}
