"""Values and columns of the answers of a session of the simulated NVML."""

UUIDS = [f"GPU-5eed{i:04x}-0000-0000-0000-{i:012x}" for i in range(4)]


def values(answer, channel_id):
    """(t_s, raw) of the good samples of a channel."""
    at = [channel["id"] for channel in answer["channels"]].index(channel_id)
    return [
        (sample[at][1], sample[at][0]) for sample in answer["samples"] if sample[at] is not None
    ]


def column(answer, channel_id):
    at = [channel["id"] for channel in answer["channels"]].index(channel_id)
    return [sample[at] for sample in answer["samples"]]


def mean_power_w(samples):
    (t0, first), (t1, last) = samples[0], samples[-1]
    return (last - first) / 1e3 / (t1 - t0)
