package federated

import (
	"github.com/rhizome-ml/rhizome/internal/job"
)

// fields are all settings, in the order in which people are told of them. A setting in a group may stand there by a
// shorter name: "data: {label: species}" says what "label: species" does.
var fields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name },
		Of: job.Key{Doc: "What people call the job: 1 to 64 of a-z, 0-9, '-' and '_', the first a letter."}},
	{Key: "model", At: func(c *Config) any { return &c.Model }, Of: job.Key{In: "model.onnx", Path: true,
		Doc: "The ONNX file of the model to train, beside the job file; without it, a multi-layer perceptron that " +
			"fits the data."}},
	{Key: "mlp", At: func(c *Config) any { return &c.MLP }, Of: job.Key{In: "model.mlp", List: true,
		Doc: "Widths of the hidden layers of the perceptron, such as [64, 32]; in place of hidden and layers."}},
	{Key: "output", At: func(c *Config) any { return &c.Output }, Of: job.Key{In: "model.output",
		Doc: "The output of the model that the loss reads; needed where it has several."}},
	{Key: "loss", At: func(c *Config) any { return &c.Loss }, Of: job.Key{In: "model.loss",
		Doc: "What training makes smaller: cross-entropy, bce, mse, mae, huber, or given, an output of the model " +
			"itself; without it, cross-entropy for classes and mse for quantities."}},
	{Key: "trainable", At: func(c *Config) any { return &c.Trainable }, Of: job.Key{In: "model.train", List: true,
		Doc: "Patterns of the parameters that are trained, such as [\"classifier.*\"]; without it, all that the " +
			"exporter calls parameters."}},
	{Key: "freeze", At: func(c *Config) any { return &c.Freeze }, Of: job.Key{In: "model.freeze", List: true,
		Doc: "Patterns of parameters that are not trained."}},
	{Key: "personal", At: func(c *Config) any { return &c.Personal }, Of: job.Key{In: "model.personal", List: true,
		Doc: "Patterns of the parameters that stay at each client, such as [\"head.*\"]: it trains its own with the rest, " +
			"keeps them from round to round, and never sends them."}},
	{Key: "undo", At: func(c *Config) any { return &c.Undo }, Of: job.Key{In: "model.undo", List: true,
		Doc: "What of the exporter's doing is undone before the model is trained, of [split-shared, add-bias]: each " +
			"layer gets its own of the tensors that were merged; biases that were all zero come back."}},
	{Key: "buffers", At: func(c *Config) any { return &c.Buffers }, Of: job.Key{In: "model.buffers",
		Doc: "What becomes of the running statistics of BatchNormalization: average, they change as clients train and " +
			"are averaged with the rest; local, they change so and stay at each client; frozen, they stay as they are in the " +
			"file."}},
	{Key: "dropout", At: func(c *Config) any { return &c.Dropout }, Of: job.Key{In: "model.dropout",
		Doc: "Whether the file's Dropout drops while clients train: on, whatever mode it was exported in, or off."}},
	{Key: "data", At: func(c *Config) any { return &c.Data }, Of: job.Key{In: "data.train", Path: true,
		Doc: "The data to train on: a file (CSV, NPZ, Parquet and others) or folder beside the job file, or the " +
			"name of a set: one that is built in, or iris, wine, breast-cancer or fashion-mnist, where a package of " +
			"Debian or PyPI has put it on the machine."}},
	{Key: "label", At: func(c *Config) any { return &c.Label }, Of: job.Key{In: "data.label", List: true,
		Doc: "The column or array that the model is to learn, or several columns of one kind, such as [low, high]."}},
	{Key: "test", At: func(c *Config) any { return &c.Test }, Of: job.Key{In: "data.test", Path: true,
		Doc: "What the model is tested on: a share of the data such as 0.2, or a file of its own."}},
	{Key: "root_data", At: func(c *Config) any { return &c.RootData }, Of: job.Key{In: "data.root", Path: true,
		Doc: "What the server itself trains on by strategy fltrust: a share of the data such as 0.05, which no client is " +
			"dealt, or a file of its own."}},
	{Key: "partition", At: func(c *Config) any { return &c.Partition }, Of: job.Key{In: "data.partition", Choice: true,
		Doc: "How the data is dealt among the clients of a run on one machine: iid, dirichlet alpha=0.5, shards, " +
			"classes, or another; without it, dirichlet with the alpha below where there are classes, else iid."}},
	{Key: "normalize", At: func(c *Config) any { return &c.Normalize }, Of: job.Key{In: "data.normalize",
		Doc: "How features are brought to one scale: none, standard (mean 0, deviation 1) or minmax (0 to 1), by " +
			"constants of the job's own data, or federated: standard by exact sums over the clients' data, which " +
			"the server asks each for before the first round, and sees."}},
	{Key: "reader", At: func(c *Config) any { return &c.Reader }, Of: job.Key{In: "data.*", Object: true,
		Doc: "What the reader of the file is told beside that, such as {skip: 1, header: false}; which there are " +
			"depends on the format. inputs: {NAME: [COLUMN, …]} says which columns or arrays make each input of a model " +
			"that has several; text, vocabulary and length, that a column is read as so many tokens of a file beside it."}},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds },
		Of: job.Key{Doc: "How many times the server asks for updates, 1 to 100,000."}},
	{Key: "clients", At: func(c *Config) any { return &c.Clients },
		Of: job.Key{Doc: "How many clients there are, 1 to 64 on one machine, in a simulation up to 4,096 of a " +
			"file; 0 is for servers: whoever is let in takes part."}},
	{Key: "edges", At: func(c *Config) any { return &c.Edges },
		Of: job.Key{Doc: "How many nodes stand between the server and its clients: each adds up the updates of its share " +
			"of them, exactly, and the server adds up the sums; 0 means none."}},
	{Key: "seed", At: func(c *Config) any { return &c.Seed },
		Of: job.Key{Doc: "What all that is random is drawn from: initial values, partition, cohorts, the order of " +
			"batches."}},
	{Key: "alpha", At: func(c *Config) any { return &c.Alpha },
		Of: job.Key{
			Doc: "Label skew of the built-in data, above 0 and up to 1e6: 0.1 is strong, 100 is next to none."}},
	{Key: "hidden", At: func(c *Config) any { return &c.Hidden },
		Of: job.Key{Doc: "Width of a hidden layer of the perceptron, 1 to 8,192."}},
	{Key: "epochs", At: func(c *Config) any { return &c.Epochs }, Of: job.Key{In: "train.epochs",
		Doc: "How often a client goes over its data in a round, 1 to 100."}},
	{Key: "batch", At: func(c *Config) any { return &c.Batch }, Of: job.Key{In: "train.batch",
		Doc: "Samples of one step, 1 to 1,024."}},
	{Key: "learning_rate", At: func(c *Config) any { return &c.LearningRate }, Of: job.Key{In: "train.learning_rate",
		Doc: "The step of gradient descent, above 0 and up to 10; an optimizer with a rate of its own takes that."}},
	{Key: "momentum", At: func(c *Config) any { return &c.Momentum }, Of: job.Key{In: "train.momentum",
		Doc: "Share of the last step that is added to the next, 0 to below 1."}},
	{Key: "optimizer", At: func(c *Config) any { return &c.Optimizer }, Of: job.Key{In: "train.optimizer", Choice: true,
		Doc: "How a client steps, with settings of its own, such as {adamw: {rate: 0.001}}; without it, gradient " +
			"descent by learning_rate and momentum."}},
	{Key: "schedule", At: func(c *Config) any { return &c.Schedule }, Of: job.Key{In: "train.schedule", Choice: true,
		Doc: "How the rate changes over the rounds: constant, step, cosine or warmup, with settings of their own."}},
	{Key: "clip_gradient", At: func(c *Config) any { return &c.ClipGradient }, Of: job.Key{In: "train.clip",
		Doc: "L2 norm to which the gradients of a step are scaled down; 0 means that they are not."}},
	{Key: "precision", At: func(c *Config) any { return &c.Precision }, Of: job.Key{In: "precision.storage",
		Doc: "The float type in which parameters are kept by the server and sent: f32, or bf16 or f16, which take half the " +
			"memory and wire of a large model. All arithmetic is in float32, rounded to the nearest as it is stored."}},
	{Key: "cohort", At: func(c *Config) any { return &c.Cohort },
		Of: job.Key{Doc: "Clients that a round waits for; 0 means all."}},
	{Key: "fraction", At: func(c *Config) any { return &c.Fraction },
		Of: job.Key{
			Doc: "In place of cohort: the share of the clients that are there, above 0 and up to 1; 0 means none."}},
	{Key: "min_available", At: func(c *Config) any { return &c.MinAvailable },
		Of: job.Key{Doc: "Clients that must be there for a round to begin; 0 means what a round needs, and no more."}},
	{Key: "selection", At: func(c *Config) any { return &c.Selection }, Of: job.Key{Choice: true,
		Doc: "Who is of the cohort: uniform, samples (in proportion to a client's samples), or power-of-choice " +
			"candidates=20: those of so many, drawn by their samples, that told the highest losses; it wants " +
			"client_metrics."}},
	{Key: "over", At: func(c *Config) any { return &c.Over },
		Of: job.Key{Doc: "How many more than cohort are asked, so that the slowest hold up nobody."}},
	{Key: "quorum", At: func(c *Config) any { return &c.Quorum },
		Of: job.Key{Doc: "Updates that close a round; 0 means the whole cohort."}},
	{Key: "grace", At: func(c *Config) any { return &c.Grace },
		Of: job.Key{Doc: "How long a round that has its quorum waits for the others, up to 720h."}},
	{Key: "deadline", At: func(c *Config) any { return &c.Deadline },
		Of: job.Key{Doc: "After which a round closes with what it has, up to 720h; 0s means never."}},
	{Key: "on_failed_round", At: func(c *Config) any { return &c.OnFailedRound },
		Of: job.Key{Doc: "What happens when too many updates of a round were refused: stop, retry with other " +
			"clients, or skip the round."}},
	{Key: "retries", At: func(c *Config) any { return &c.Retries },
		Of: job.Key{Doc: "How often a failed round is tried again, 1 to 100."}},
	{Key: "strategy", At: func(c *Config) any { return &c.Strategy }, Of: job.Key{Choice: true,
		Doc: "How the job learns, with settings of its own, such as fedavg, fedprox mu=0.01 or fedadam rate=0.01; the command " +
			"strategies lists them all."}},
	{Key: "compatible", At: func(c *Config) any { return &c.Compatible },
		Of: job.Key{Doc: "flwr has the strategy do what flwr 1.42.0 does where its definition is another, in what the job " +
			"does not say itself: fedadam, fedyogi, fedadagrad, fedavgm, multi-krum."}},
	{Key: "weighting", At: func(c *Config) any { return &c.Weighting },
		Of: job.Key{Doc: "What an update weighs: samples, as many as its client trained on, or uniform."}},
	{Key: "max_samples", At: func(c *Config) any { return &c.MaxSamples },
		Of: job.Key{Doc: "What an update weighs at most; 0 means as much as it has samples."}},
	{Key: "clip", At: func(c *Config) any { return &c.Clip },
		Of: job.Key{Doc: "L2 norm that an update may change the parameters by, up to 1e6; 0 means any."}},
	{Key: "client_metrics", At: func(c *Config) any { return &c.ClientMetrics },
		Of: job.Key{
			Doc: "Whether each client tells its loss before and after its training, on one batch of its data."}},
	{Key: "evaluate_every", At: func(c *Config) any { return &c.EvaluateEvery },
		Of: job.Key{Doc: "How many rounds are between two tests of the model, 1 to 100,000; the last round is tested too."}},
	{Key: "evaluate", At: func(c *Config) any { return &c.Evaluate },
		Of: job.Key{Doc: "Where a round's model is tested: server, on what the job holds out; clients, each of those that the " +
			"round counts, on a share of its own samples, which it does not train on; or both."}},
	{Key: "stop", At: func(c *Config) any { return &c.Stop }, Of: job.Key{Choice: true,
		Doc: "When the job ends before its last round, such as {loss: {patience: 5, min_delta: 0.001}}: in five tests in a " +
			"row the loss, or the accuracy, was not by so much better than when it last was."}},
	{Key: "best", At: func(c *Config) any { return &c.Best },
		Of: job.Key{Doc: "By what the best model of all tested rounds is kept beside the last one, as best.onnx: loss or " +
			"accuracy; without it none is."}},
	{Key: "heartbeat", At: func(c *Config) any { return &c.Heartbeat },
		Of: job.Key{Doc: "How often a client says that it is there, 10ms to 1h; one that is silent for three of " +
			"them counts as away."}},
	{Key: "layers", At: func(c *Config) any { return &c.Layers },
		Of: job.Key{Doc: "Hidden layers of the perceptron, 1 to 16."}},
	{Key: "chunk", At: func(c *Config) any { return &c.Chunk },
		Of: job.Key{Doc: "KiB of parameters in a message, 1 to 1,024; 0 means whole up to 1 MiB, and else as fits."}},
	{Key: "network", At: func(c *Config) any { return &c.Network }, Of: job.Key{Brought: true,
		Doc: "The model's graph, as it was read from its file."}},
	{Key: "samples", At: func(c *Config) any { return &c.Samples }, Of: job.Key{Brought: true,
		Doc: "What the samples are, as they were found in the data."}},
}

// added are the settings that earlier releases did not have, and what their jobs did: a run.json or node.json without
// them is whole. Every new setting of a job is in it.
var added = map[string]string{
	"layers": "1", "chunk": "0", "fraction": "0", "min_available": "0", "grace": "0s", "on_failed_round": "stop",
	"retries":  "3",
	"strategy": "fedavg", "weighting": "samples", "max_samples": "0", "clip": "0", "client_metrics": "false",
	"model": "", "mlp": "", "output": "", "loss": "", "trainable": "", "freeze": "", "undo": "", "buffers": "",
	"dropout": "", "label": "",
	"test": "", "partition": "", "normalize": "", "reader": "", "optimizer": "", "schedule": "", "clip_gradient": "0",
	"network": "", "samples": "", "precision": "", "selection": "uniform", "personal": "",
	"evaluate_every": "1", "stop": "", "best": "", "evaluate": "server", "edges": "0", "root_data": "",
	"compatible": "",
}

// Keys returns the names of all settings.
func Keys() []string { return job.KeysOf(Kind{}) }

// Get returns the setting of that name as text that Change takes back, or "" where there is no such setting.
func (c Config) Get(key string) string { return job.Get(fields, &c, key) }

// Change returns the job with another setting, of which only the type is checked. Errors are *job.ConfigError.
func (c Config) Change(key, text string) (job.Job, error) {
	err := job.Set(fields, &c, key, text)
	return c, err
}

// Settings returns every setting of the job as text, by key.
func (c Config) Settings() map[string]string { return job.Settings(c) }

// With returns the job with some settings changed, validated. Errors are *job.ConfigError.
func (c Config) With(set map[string]string) (Config, error) { return job.With(c, set) }
