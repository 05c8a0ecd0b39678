//! Techniques of training, each after a paper, and each off unless it is asked for. Every one is advanced.

use super::super::ClassSampling;
use super::super::setting::{Of, Setting, choice, field, put, real};

/// The fourth part of the table.
pub(super) const TECHNIQUES: &[Setting] = &[
    Setting {
        value_name: "FACTOR",
        is_advanced: true,
        help: "Learning rate of each layer as a share of the one above it, the head's being the whole and that of the \
               embeddings the least; 1 is off (Howard and Ruder 2018)",
        label: "Layer-wise rate decay",
        unit: "factor a layer, 1 is off",
        hint: "Lower layers, which know what all texts have in common, are changed less. 0.9 to 0.95 is usual. (Howard and Ruder \
               2018)",
        ..field!(real, techniques.layerwise_lr_decay, 0.1, 1.0)
    },
    Setting {
        value_name: "EPOCHS",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Train the head alone at first, and after every so many epochs one more layer, from the top, last the \
               embeddings; 0 is off (ULMFiT, Howard and Ruder 2018)",
        label: "Gradual unfreezing",
        unit: "epochs a layer, 0 is off",
        hint: "The head is trained alone first, then one more layer each time: less is forgotten. A part of an epoch will do: with \
               12 layers and 3 epochs 0.2 has all of them trained after 2.6 epochs. (ULMFiT, Howard and Ruder 2018)",
        ..field!(real, techniques.gradual_unfreezing, 0.0, 1000.0)
    },
    Setting {
        value_name: "GAMMA",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Gamma of focal loss, which counts rows less that are answered rightly already; 0 is cross-entropy (Lin et al. \
               2017)",
        label: "Focal loss",
        unit: "gamma, 0 is off",
        hint: "Rows that are answered rightly already count less. 2 is usual; for few rows of a class, with class weights. The \
               training loss is lower for it. (Lin et al. 2017)",
        ..field!(real, techniques.focal_gamma, 0.0, 10.0)
    },
    Setting {
        value_name: "BETA",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "With --class-weights effective_number: 0 weighs all classes alike, towards 1 rare ones weigh as with balanced \
               (Cui et al. 2019)",
        label: "Beta of class weights",
        hint: "For class weights by the effective number of rows: 0.9 evens out little, 0.9999 nearly as much as balanced. (Cui \
               et al. 2019)",
        ..field!(real, techniques.effective_number_beta, 0.0, 0.999_999)
    },
    Setting {
        get: |run| run.techniques.class_sampling.name().into(),
        set: |run, text| {
            let known = ClassSampling::ALL.map(|sampling| (sampling.name(), sampling));
            put(&mut run.techniques.class_sampling, choice::parse(text, &known))
        },
        choices: &[
            ("none", "Every row once an epoch"),
            ("oversample", "As many of each class as the largest has"),
            ("undersample", "As many of each class as the smallest has"),
            ("balanced", "As many rows as there are, in equal shares"),
        ],
        value_name: "SAMPLING",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Rows of each class in an epoch: none (every row once), oversample (as many as the largest class has, rows of \
               others again), undersample (as many as the smallest has, other rows each epoch) or balanced (as many rows in all \
               as there are, in equal shares; Buda et al. 2018)",
        label: "Rows of each class",
        hint: "Evens out classes by how often their rows come, rather than by how much they count. Rows that come again are learned \
               by heart sooner. (Buda et al. 2018)",
        ..choice::named("class_sampling")
    },
    Setting {
        value_name: "ALPHA",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Add noise to token vectors while training, up to alpha / sqrt(tokens of the row * width); 0 is off (NEFTune, \
               Jain et al. 2023)",
        label: "Noise on token vectors",
        unit: "alpha, 0 is off",
        hint: "Against learning rows by heart, above all of instructions. 5 to 15 is usual. (NEFTune, Jain et al. 2023)",
        ..field!(real, techniques.neftune_noise_alpha, 0.0, 1000.0)
    },
    Setting {
        value_name: "ALPHA",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Pass each batch twice, with different dropout, and add alpha times the divergence of both answers to the loss; \
               takes twice as long; 0 is off (R-Drop, Liang et al. 2021)",
        label: "R-Drop",
        unit: "alpha, 0 is off",
        hint: "Each batch is passed twice, with different dropout, and both answers are to agree: often better, but twice as long \
               and twice the memory. 1 to 5 is usual. (Liang et al. 2021)",
        ..field!(real, techniques.rdrop_alpha, 0.0, 1000.0)
    },
    Setting {
        value_name: "EPSILON",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Train on each batch a second time, its token vectors moved by epsilon to where the loss is higher; takes twice \
               as long; 0 is off (FGM, Miyato et al. 2017)",
        label: "Adversarial training",
        unit: "epsilon, 0 is off",
        hint: "Each batch is trained on a second time, its token vectors moved a little to where the answer is worst: steadier \
               answers, but twice as long. 0.1 to 1 is usual. (FGM, Miyato et al. 2017)",
        ..field!(real, techniques.fgm_epsilon, 0.0, 1000.0)
    },
    Setting {
        value_name: "ALPHA",
        is_advanced: true,
        help: "Pull weights back to the pretrained ones in every step, by learning rate * alpha of what they are away, in the \
               place of weight decay; a new head keeps that; 0 is off (L2-SP, Li et al. 2018)",
        label: "Pull to pretrained weights",
        unit: "alpha, 0 is off",
        hint: "Against forgetting. It takes the place of the weight decay of all weights but those of a new head, and needs memory \
               for the pretrained weights once more. 0.01 to 1 is usual. (L2-SP, Li et al. 2018)",
        ..field!(real, techniques.l2_sp, 0.0, 100.0)
    },
    Setting {
        value_name: "P",
        is_advanced: true,
        help: "In each pass give every input of the model's linear layers, with this probability, its pretrained weights instead \
               of those it has by now; a head keeps its own; 0 is off (Mixout, Lee et al. 2020)",
        label: "Mixout",
        unit: "probability, 0 is off",
        hint: "Against forgetting and unlucky runs where rows are few: parts of the layers are as they were pretrained, others in \
               each pass. It needs memory for the pretrained weights once more. 0.5 to 0.9 is usual, with the dropout 0. (Lee et \
               al. 2020)",
        ..field!(real, techniques.mixout, 0.0, 0.95)
    },
    Setting {
        value_name: "GAMMA",
        is_advanced: true,
        help: "Train with the gradient at weights that were moved to where the loss of the batch is higher, each by gamma of its \
               own norm; takes twice as long; 0 is off (AWP, Wu et al. 2020)",
        label: "Adversarial weights",
        unit: "gamma, 0 is off",
        hint: "Looks for weights whose neighbours are good, too, which hold better on new rows, but takes twice as long. 0.001 to \
               0.01 is usual. (AWP, Wu et al. 2020)",
        ..field!(real, techniques.awp_gamma, 0.0, 1.0)
    },
];
