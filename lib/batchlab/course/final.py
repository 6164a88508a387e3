"""The final quiz: two questions from each chapter, of which every attempt draws one. See `quiz.Final`."""

from . import quiz

quiz.question(
    "final.01.epoch",
    "A dataset of 1,000 samples is trained on for 5 epochs at batch size 300. How many updates are made?",
    {
        "5": "That counts epochs. An epoch is a pass over all samples, and makes one update for each batch.",
        "15": "This drops the ragged batch of 100 samples at the end of each epoch, and with it the definition: an "
        "epoch uses every sample once.",
        "20": "1,000 samples are three batches of 300 and one of 100: four iterations an epoch, five epochs.",
        "1,500": "That is batch size times epochs, which counts nothing here.",
    },
    answer=2,
)
quiz.question(
    "final.01.six",
    "Somebody says: “I train with batch size 6.” What do you know then?",
    {
        "The dataset is cut into 6 batches.": "The number of batches is N / 6, rounded up. The batch size counts the "
        "samples in one.",
        "Each epoch makes 6 updates.": "It makes one for each batch, and how many there are depends on N.",
        "Each update uses 6 samples, or fewer at the end of an epoch.": "Batch size is the number of samples in one "
        "training step.",
    },
    answer=2,
)
quiz.question(
    "final.02.rate",
    "Full-batch descent converges smoothly at a learning rate of 0.3. At the same rate SGD (batch size 1) on the same "
    "data most likely",
    {
        "converges too, since its gradient is right on average.": "Right on average is not enough: single steps are "
        "off by more than the gradient is long, and a large rate makes them large.",
        "jumps about, at best far above the lowest loss.": "A noisy gradient needs a lower rate. At a fixed one its "
        "loss stops falling at a floor that the rate sets.",
        "is slower, since it uses fewer samples.": "Fewer per update, but as many an epoch, in many more updates.",
    },
    answer=1,
)
quiz.question(
    "final.02.floor",
    "SGD at a fixed learning rate stays at a floor above the lowest loss. What brings it down to the lowest?",
    {
        "More epochs at the same rate.": "The floor is a balance of noise and descent. Time does not change it.",
        "A rate that decays.": "With the rate the noise of each step fades, and the floor with it.",
        "Another shuffle.": "The order of the samples changes the path, not the floor.",
    },
    answer=1,
)
quiz.question(
    "final.03.turn",
    "The training loss falls at every epoch, the validation loss has been rising for fifty. What do you do?",
    {
        "Train on: the training loss shows that the model still learns.": "It does, but what it learns now belongs to "
        "the training samples alone.",
        "Take the parameters of the epoch with the lowest validation loss.": "That is early stopping.",
        "Raise the learning rate.": "The descent works. What it descends on is no longer what you want.",
        "Train on the validation samples, too.": "Then nothing is left that tells you when to stop.",
    },
    answer=1,
)
quiz.question(
    "final.03.which",
    "On your last dataset the best epoch was 80. How many epochs do you plan for a new, larger dataset?",
    {
        "80: the model and the method are the same.": "What an epoch teaches depends on the samples and on how many "
        "updates it has.",
        "Fewer than 80, as an epoch has more updates.": "It may be so, but noise, the task and the model count too.",
        "Enough to see the validation loss turn, and stop there.": "No number is right for every dataset; the "
        "validation loss tells.",
    },
    answer=2,
)
quiz.question(
    "final.04.four",
    "You quadruple the batch size, far below N. The typical distance of a batch's gradient from the full one becomes",
    {
        "a quarter.": "The variance does. The distance is its square root.",
        "half.": "The variance falls like 1/B, and the distance like its square root.",
        "a sixteenth.": "That would be the square of what the variance does.",
    },
    answer=1,
)
quiz.question(
    "final.04.scale",
    "The noise scale of your task is 50 at present. What does a batch of 5,000 give you over one of 500?",
    {
        "A step that makes ten times the progress.": "Only far below the noise scale does progress grow like B.",
        "Next to nothing: both steps are within a tenth of the best there is.": "A step makes 1/(1 + B_noise/B) of the "
        "best progress: 91 % at 500, 99 % at 5,000.",
        "A worse step, since the gradient overfits.": "The gradient is the mean over the batch, and gets more "
        "accurate. It only gets dearer, too.",
    },
    answer=1,
)
quiz.question(
    "final.05.double",
    "The best learning rate at batch size 8 is 0.05. The noise scale is 200. A good first guess at batch size 16 is",
    {
        "0.05: the rate belongs to the model.": "Twice the samples make the gradient's variance half as large, which "
        "a larger rate can use.",
        "0.1.": "Far below the noise scale the best rate grows in proportion to the batch size.",
        "0.025: larger batches need smaller steps.": "The other way round: a more accurate gradient bears larger "
        "steps.",
    },
    answer=1,
)
quiz.question(
    "final.05.flat",
    "The same task, noise scale 200. From batch size 2,000 to 4,000 the best rate",
    {
        "doubles again.": "The linear rule ends about the noise scale. A gradient that is nearly exact cannot become "
        "much better.",
        "hardly changes.": "By η_max/(1 + B_noise/B) it grows by less than a twentieth there.",
        "halves.": "Nothing pushes it down: the gradient only gets more accurate.",
    },
    answer=1,
)
quiz.question(
    "final.06.budget",
    "A report trains every batch size for 10 epochs at the same rate, and finds the small ones best. That shows",
    {
        "that small batches generalise better.": "It may only show that large batches made too few updates.",
        "little: with equal epochs the large batches made far fewer updates, at a rate not chosen for them.": "A fair "
        "comparison says its axis, and gives every batch size its own rate.",
        "that large batches need more memory.": "So they do, but that is not what was compared.",
    },
    answer=1,
)
quiz.question(
    "final.06.epochs",
    "With the best rate for each, and far below the noise scale, you double the batch size. To the same accuracy you "
    "need",
    {
        "about as many epochs, and half the updates.": "Perfect scaling: E = E_min (1 + B/B_noise) is flat there, and "
        "the updates are E N / B.",
        "twice the epochs, and as many updates.": "That is what happens far beyond the noise scale.",
        "half the epochs.": "Every epoch is N samples. Larger batches save updates, never samples.",
    },
    answer=0,
)
quiz.question(
    "final.07.memory",
    "A training step does not fit into the memory. Which of these leaves the gradient as it is?",
    {
        "A smaller batch.": "It fits, but it is another gradient, with more noise.",
        "Micro-batches: the batch in pieces whose gradients are added up.": "The mean over the batch is the weighted "
        "mean of the pieces. Only the memory of one piece is needed at a time.",
        "A lower learning rate.": "The rate is one number. It does not change what a step stores.",
    },
    answer=1,
)
quiz.question(
    "final.07.knee",
    "Samples per second rise with the batch size, then stay where they are. Why?",
    {
        "The data run out.": "They would also stay on a dataset without end.",
        "The device is full: beyond the knee a batch twice as large takes twice as long.": "Below it, the fixed cost "
        "of a step is shared by more samples; beyond it, all arithmetic units are busy.",
        "The gradient cannot become more accurate.": "That is the noise scale, a matter of the task. The device does "
        "not know it.",
    },
    answer=1,
)
quiz.question(
    "final.08.cancel",
    "In one cycle a weight sees nine mini-batch gradients of +0.01 and one of -0.09. What does Rprop do with it?",
    {
        "It stays about where it is, since the ten cancel.": "The gradients cancel, and under SGD the weight stays. "
        "Rprop sees only signs: nine down, one up.",
        "It drifts, as nine steps one way outweigh a single step back.": "Their sizes, which would make the sum zero, "
        "are what Rprop throws away.",
        "It stops, since the signs disagree.": "A change of sign makes the next step smaller; then it grows again.",
    },
    answer=1,
)
quiz.question(
    "final.08.why",
    "Why does the sign alone help full-batch descent?",
    {
        "The gradient is inaccurate, and its sign is all that can be trusted.": "The full gradient is accurate. "
        "It is the batches' sizes and signs that cannot be trusted.",
        "The sizes differ by decades between weights, so no single rate suits all of them.": "With the sign every "
        "weight gets a step size of its own.",
        "It saves memory.": "Rprop stores a step size and a sign for each weight: it takes more.",
    },
    answer=1,
)
quiz.question(
    "final.09.nearest",
    "Full-batch descent at a small rate, started many times on a bumpy loss. Where it ends is decided by",
    {
        "the shuffle.": "The full batch has none: every step uses all samples.",
        "the start.": "It goes down into the minimum in whose basin it starts.",
        "the number of samples.": "They shape the loss, but on a given loss the start decides.",
    },
    answer=1,
)
quiz.question(
    "final.09.evidence",
    "“Small batches generalise better.” What does the evidence say?",
    {
        "It is proved.": "Some careful studies found it (Keskar 2016; Masters and Luschi 2018), others did not.",
        "It is contested: where every batch size had its own settings, the gap shrank or vanished.": "Shallue 2019 "
        "found none in 168,160 models; Geiping 2021 trained without any batch noise to the same accuracy.",
        "It is refuted: batch size never matters.": "At fixed settings, or equal epochs, it matters a great deal.",
    },
    answer=1,
)
quiz.question(
    "final.10.choose",
    "For a new dataset, what do you measure first to choose a batch size?",
    {
        "The number of samples.": "A large dataset may have a small noise scale, and the other way round.",
        "The noise scale, early in a short run.": "About there a batch costs twice the samples and twice the updates "
        "of the least possible. Memory and device then set the limits.",
        "Nothing: 32 is right.": "It is a fair start, and no more than that.",
    },
    answer=1,
)
quiz.question(
    "final.10.compare",
    "You compare two batch sizes on your own data. What must the two runs share?",
    {
        "Data, start, shuffle and target; each has its own rate.": "Then they differ in nothing but the batch size at "
        "its best, and both are asked the same question.",
        "Everything, the learning rate included.": "One rate suits one batch size. The other would be judged by a "
        "setting that nobody would give it.",
        "The number of epochs, nothing else.": "Then chance decides: another start alone can move the best epoch.",
    },
    answer=0,
)
