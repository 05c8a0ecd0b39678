//! Which techniques of training go together, and with what else of a run: what would have no effect, or what no paper
//! says anything of, is refused.

use super::{ClassSampling, ClassWeights, ConfigProblem, Freeze, Method, RunConfig, Techniques, TrainSamplingStrategy};

impl RunConfig {
    /// Every technique that a run would have no use for, or could not follow, whatever the task. `num_hidden_layers` are the
    /// layers of the model.
    pub(super) fn check_techniques(&self, num_hidden_layers: usize) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut refuse = |field: &str, message: &str| {
            problems.push(ConfigProblem { field: field.into(), message: message.into() });
        };
        let techniques = &self.techniques;
        let is_head_alone = self.method == Method::Head;
        if techniques.layerwise_lr_decay < 1.0 && is_head_alone {
            refuse("layerwise_lr_decay", "has no effect: the method head trains no layer");
        }
        if techniques.gradual_unfreezing > 0.0 && is_head_alone {
            refuse("gradual_unfreezing", "has no effect: the method head trains no layer");
        }
        if techniques.focal_gamma > 0.0 && self.label_smoothing_factor > 0.0 {
            refuse(
                "focal_gamma",
                "can't be used with label_smoothing_factor: focal loss is defined for one label a row",
            );
        }
        if techniques.focal_gamma > 0.0 && self.mixup_alpha > 0.0 {
            refuse("focal_gamma", "can't be used with mixup_alpha: focal loss is defined for one label a row");
        }
        if self.mixup_alpha > 0.0 && self.batch_size < 2 {
            refuse(
                "mixup_alpha",
                "has no effect with a batch of one image: images are mixed with others of their batch; set batch_size to 2 or more",
            );
        }
        let default = Techniques::default().effective_number_beta;
        if techniques.effective_number_beta != default && self.class_weights != ClassWeights::EffectiveNumber {
            refuse("effective_number_beta", "has no effect: it is for class_weights effective_number");
        }
        let evens_out = techniques.class_sampling != ClassSampling::None;
        if evens_out && self.train_sampling_strategy == TrainSamplingStrategy::Sequential {
            refuse(
                "class_sampling",
                "can't be used with the sequential order, which takes each row once, as in the file",
            );
        }
        if evens_out && self.class_weights != ClassWeights::None {
            refuse("class_sampling", "can't be used with class_weights: rare classes would be evened out twice");
        }
        let evens_out_column = !self.balance_column.is_empty();
        if evens_out_column && self.train_sampling_strategy == TrainSamplingStrategy::Sequential {
            refuse(
                "balance_column",
                "can't be used with the sequential order, which takes each row once, as in the file",
            );
        }
        if evens_out_column && evens_out {
            refuse("balance_column", "can't be used with class_sampling: rows are drawn by a column or by their label");
        }
        if techniques.neftune_noise_alpha > 0.0 && is_head_alone {
            refuse("neftune_noise_alpha", "has no effect: the method head reads what a frozen model makes of the rows");
        }
        if techniques.rdrop_alpha > 0.0 && is_head_alone {
            refuse("rdrop_alpha", "has no effect: with the method head nothing is dropped out of what the head reads");
        }
        let drops_in_adapters = self.method == Method::Lora && self.lora.lora_dropout > 0.0;
        // The noise of NEFTune and the weights that Mixout takes are drawn once a batch: both passes share them.
        if techniques.rdrop_alpha > 0.0 && self.dropout == Some(0.0) && !drops_in_adapters && !is_head_alone {
            refuse("rdrop_alpha", "has no effect without dropout: both passes would be the same");
        }
        let trains_embeddings = self.method == Method::Full && self.freeze == Freeze::None;
        if techniques.fgm_epsilon > 0.0 && !trains_embeddings {
            refuse("fgm_epsilon", "needs the method full with nothing frozen: token vectors move along their gradient");
        }
        if techniques.l2_sp > 0.0 && matches!(self.method, Method::Lora | Method::Head) {
            refuse("l2_sp", "has no effect: this method leaves the pretrained weights as they are");
        }
        if techniques.l2_sp > 0.0 && self.from_scratch {
            refuse("l2_sp", "can't be used in a run from scratch: there are no pretrained weights to pull to");
        }
        if techniques.mixout > 0.0 && matches!(self.method, Method::Lora | Method::Head) {
            refuse("mixout", "has no effect: this method leaves the pretrained weights as they are");
        }
        if techniques.mixout > 0.0 && self.from_scratch {
            refuse("mixout", "can't be used in a run from scratch: there are no pretrained weights to mix in");
        }
        if techniques.awp_gamma > 0.0 && techniques.fgm_epsilon > 0.0 {
            refuse(
                "awp_gamma",
                "can't be used with fgm_epsilon: both move weights against the same gradient; choose one",
            );
        }
        if techniques.gradual_unfreezing > 0.0 && !is_head_alone {
            problems.extend(self.check_unfreezing(num_hidden_layers));
        }
        problems
    }

    /// Refuses a run that is over before all that it trains was unfrozen.
    fn check_unfreezing(&self, num_hidden_layers: usize) -> Option<ConfigProblem> {
        let layers = match self.method {
            Method::LastLayers(count) => (count as usize).min(num_hidden_layers),
            _ => match self.freeze {
                Freeze::Layers(frozen) => num_hidden_layers.saturating_sub(frozen as usize),
                Freeze::None | Freeze::Embeddings => num_hidden_layers,
            },
        };
        let has_embeddings = self.method == Method::Full && self.freeze == Freeze::None;
        // The head is trained from the start.
        let steps_down = layers + usize::from(has_embeddings);
        let (every, epochs) = (self.techniques.gradual_unfreezing, f64::from(self.num_train_epochs));
        (steps_down as f64 * every >= epochs).then(|| ConfigProblem {
            field: "gradual_unfreezing".into(),
            message: format!(
                "{every} is too slow: {steps_down} times so many epochs pass before all is trained, and the run has {epochs}; \
                 choose less than {}",
                (epochs / steps_down.max(1) as f64 * 1000.0).floor() / 1000.0
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::LoraConfig;
    use super::*;

    /// Names of the settings that are refused in a run of a model of so many layers.
    fn refused(run: &RunConfig) -> Vec<String> {
        run.check_techniques(4).into_iter().map(|problem| problem.field).collect()
    }

    fn run(techniques: Techniques) -> RunConfig {
        RunConfig { techniques, ..RunConfig::default() }
    }

    fn all() -> Techniques {
        Techniques {
            layerwise_lr_decay: 0.9,
            gradual_unfreezing: 0.5,
            focal_gamma: 2.0,
            class_sampling: ClassSampling::Balanced,
            neftune_noise_alpha: 5.0,
            rdrop_alpha: 1.0,
            fgm_epsilon: 0.5,
            l2_sp: 0.1,
            mixout: 0.5,
            ..Techniques::default()
        }
    }

    #[test]
    fn all_techniques_go_together_where_all_weights_are_trained() {
        assert!(refused(&run(all())).is_empty());
        assert!(refused(&RunConfig::default()).is_empty());
    }

    #[test]
    fn a_head_alone_has_no_layers_and_no_dropout_before_it() {
        let head = RunConfig { method: Method::Head, ..run(all()) };
        let expected = [
            "layerwise_lr_decay",
            "gradual_unfreezing",
            "neftune_noise_alpha",
            "rdrop_alpha",
            "fgm_epsilon",
            "l2_sp",
            "mixout",
        ];
        assert_eq!(refused(&head), expected);
    }

    #[test]
    fn adapters_have_no_token_vectors_and_leave_pretrained_weights_alone() {
        let lora = RunConfig { method: Method::Lora, ..run(all()) };
        assert_eq!(refused(&lora), ["fgm_epsilon", "l2_sp", "mixout"]);
        let frozen = RunConfig { freeze: Freeze::Embeddings, ..run(all()) };
        assert_eq!(refused(&frozen), ["fgm_epsilon"]);
        let scratch =
            RunConfig { from_scratch: true, ..run(Techniques { l2_sp: 0.1, mixout: 0.5, ..Techniques::default() }) };
        assert_eq!(refused(&scratch), ["l2_sp", "mixout"]);
    }

    #[test]
    fn weights_or_token_vectors_are_moved_and_not_both() {
        let awp = Techniques { awp_gamma: 0.01, ..Techniques::default() };
        for method in [Method::Full, Method::LastLayers(1), Method::Lora, Method::Head] {
            assert!(refused(&RunConfig { method, ..run(awp) }).is_empty(), "{method:?} trains weights");
        }
        assert_eq!(refused(&run(Techniques { fgm_epsilon: 0.5, ..awp })), ["awp_gamma"]);
    }

    #[test]
    fn two_passes_need_dropout_of_the_model_or_of_adapters() {
        let rdrop = run(Techniques { rdrop_alpha: 1.0, ..Techniques::default() });
        assert!(refused(&rdrop).is_empty(), "config.json says");
        assert_eq!(refused(&RunConfig { dropout: Some(0.0), ..rdrop.clone() }), ["rdrop_alpha"]);
        let lora = |lora_dropout| RunConfig {
            method: Method::Lora,
            dropout: Some(0.0),
            lora: LoraConfig { lora_dropout, ..LoraConfig::default() },
            ..rdrop.clone()
        };
        assert!(refused(&lora(0.1)).is_empty());
        assert_eq!(refused(&lora(0.0)), ["rdrop_alpha"]);
    }

    #[test]
    fn labels_that_are_mixed_or_smoothed_have_no_focal_loss() {
        let focal = run(Techniques { focal_gamma: 2.0, ..Techniques::default() });
        assert_eq!(refused(&RunConfig { label_smoothing_factor: 0.1, ..focal.clone() }), ["focal_gamma"]);
        assert_eq!(refused(&RunConfig { mixup_alpha: 0.2, ..focal.clone() }), ["focal_gamma"]);
        assert!(refused(&RunConfig { class_weights: ClassWeights::Balanced, ..focal }).is_empty());
    }

    #[test]
    fn images_are_mixed_with_others_of_their_batch() {
        let mixed = |batch_size| RunConfig { mixup_alpha: 0.4, batch_size, ..RunConfig::default() };
        assert_eq!(refused(&RunConfig { gradient_accumulation_steps: 8, ..mixed(1) }), ["mixup_alpha"]);
        assert!(refused(&mixed(2)).is_empty());
        assert!(refused(&RunConfig { mixup_alpha: 0.0, ..mixed(1) }).is_empty());
    }

    #[test]
    fn classes_are_evened_out_once() {
        let sampled = run(Techniques { class_sampling: ClassSampling::Oversample, ..Techniques::default() });
        assert_eq!(
            refused(&RunConfig { class_weights: ClassWeights::Balanced, ..sampled.clone() }),
            ["class_sampling"]
        );
        let in_order = TrainSamplingStrategy::Sequential;
        assert_eq!(refused(&RunConfig { train_sampling_strategy: in_order, ..sampled.clone() }), ["class_sampling"]);
        let by_column = RunConfig { balance_column: "dialect".into(), ..sampled.clone() };
        assert_eq!(refused(&by_column), ["balance_column"]);
        let by_column = RunConfig { techniques: Techniques::default(), ..by_column };
        assert!(refused(&by_column).is_empty());
        assert_eq!(refused(&RunConfig { train_sampling_strategy: in_order, ..by_column }), ["balance_column"]);
        let beta = run(Techniques { effective_number_beta: 0.99, ..Techniques::default() });
        assert_eq!(refused(&beta), ["effective_number_beta"]);
        assert!(refused(&RunConfig { class_weights: ClassWeights::EffectiveNumber, ..beta }).is_empty());
    }

    #[test]
    fn what_is_unfrozen_too_late_is_named_with_what_would_do() {
        let slow = run(Techniques { gradual_unfreezing: 0.7, ..Techniques::default() });
        let problems = slow.check_techniques(4);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.contains("5 times") && problems[0].message.ends_with("less than 0.6"),
            "{}",
            problems[0]
        );
        assert!(refused(&run(Techniques { gradual_unfreezing: 0.59, ..Techniques::default() })).is_empty());
        let last = RunConfig { method: Method::LastLayers(2), ..slow.clone() };
        assert!(refused(&last).is_empty(), "two steps down");
        assert!(refused(&RunConfig { freeze: Freeze::Layers(2), ..slow }).is_empty());
    }
}
