"""DeepLabv3+ and LAMB: the network has the published size, and cost.py counts its cost right."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from energybench_workloads.deepcam import cost
from energybench_workloads.deepcam.fields import FREQUENCIES
from energybench_workloads.deepcam.lamb import Lamb
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.network import DeepLab, class_weights, initialise, loss
from energybench_workloads.deepcam.spec import Order, Spec

pytestmark = pytest.mark.xdist_group("deepcam_network")  # the fixtures are made once

HEIGHT, WIDTH = 32, 48


@pytest.fixture(scope="module")
def network() -> DeepLab:
    model = DeepLab().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    initialise(model, 1)
    return model  # type: ignore[no-any-return]


def batch(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    field = torch.randn((count, 16, HEIGHT, WIDTH), generator=generator)
    return field.to(memory_format=torch.channels_last), torch.randint(
        0, 3, (count, HEIGHT, WIDTH), generator=generator, dtype=torch.uint8
    )


def batch_loss(network: nn.Module, autocast: bool = False) -> torch.Tensor:
    field, label = batch()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = network(field)
    return loss(logits, label, torch.tensor(class_weights(FREQUENCIES)))


def test_parameters_and_flops_are_the_published_ones(network: DeepLab) -> None:
    """56.46 M parameters; 0.655 TFLOP forward and 1.97 TFLOP in training for a sample of 768 x
    1152, to the published digits.
    """
    assert f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f}" == "56.46"
    assert cost.parameters() == sum(p.numel() for p in network.parameters())
    assert f"{cost.forward_flops(768 * 1152) / 1e12:.3f}" == "0.655"
    assert f"{cost.training_flops(768 * 1152) / 1e12:.2f}" == "1.97"


def test_every_convolution_is_counted_where_it_is_applied(network: DeepLab) -> None:
    """The count of every layer agrees with the shapes that the network's convolution meets."""
    met: list[int] = []

    def look(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        places = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        met.append(2 * module.weight.numel() * places.shape[2] * places.shape[3])

    hooks = [
        module.register_forward_hook(look)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.no_grad():
        logits = network.eval()(batch(1)[0])
    for hook in hooks:
        hook.remove()
    assert logits.shape == (1, 3, HEIGHT, WIDTH)
    assert sorted(met) == sorted(layer.flops for layer in cost.layers(HEIGHT * WIDTH))


def saved_bytes(network: DeepLab) -> int:
    """Bytes that autograd keeps for the backward pass. A storage counts once; weights and copies of
    weights are left out.
    """
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    shapes = {tuple(p.shape) for p in network.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (
            tensor.untyped_storage().data_ptr() not in weights
            and tuple(tensor.shape) not in shapes
            and not isinstance(tensor, nn.Parameter)
        ):
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        batch_loss(network.train(), autocast=True).backward()  # type: ignore[no-untyped-call]
    network.zero_grad()
    return sum(saved.values())


def test_memory_formula_agrees_with_what_autograd_keeps(network: DeepLab) -> None:
    """Within 15 % in bf16: the formula decides whether a size is refused."""
    expected = 2 * cost.kept_bytes(HEIGHT * WIDTH, 2)
    assert saved_bytes(network) == pytest.approx(expected, rel=0.15)


def test_large_size_fits_a_gpu_of_40_gb() -> None:
    """Training of 768 x 1152 with the default batch, and with the double batch, by the formula."""
    for many in (2, 4):
        assert cost.memory(cost.SIZES["L"], many, True, 2, False, 72)[1] < 40e9


def test_recomputation_changes_nothing_but_memory(network: DeepLab) -> None:
    """Loss, gradients and running statistics are equal, bit by bit."""
    plain, again = copy.deepcopy(network).train(), copy.deepcopy(network).train()
    again.recompute = True
    losses = [batch_loss(model, autocast=True) for model in (plain, again)]
    for value in losses:
        value.backward()  # type: ignore[no-untyped-call]
    assert losses[0] == losses[1]
    for a, b in zip(plain.parameters(), again.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.equal(a.grad, b.grad)
    for (name, a), (_, b) in zip(plain.named_buffers(), again.named_buffers(), strict=True):
        assert "tracked" in name or torch.equal(a, b), name


@pytest.mark.gpu
def test_cpu_and_gpu_logits_agree(network: DeepLab) -> None:
    """In fp32 without TF32: 1e-3 of their root mean square."""
    field, _ = batch()
    torch.backends.cudnn.allow_tf32 = False
    with torch.no_grad():
        here = network.eval()(field)
        there = copy.deepcopy(network).cuda()(field.cuda()).cpu()
    assert float((here - there).pow(2).mean().sqrt() / here.pow(2).mean().sqrt()) < 1e-3


@pytest.mark.gpu
@pytest.mark.parametrize("optimiser", ["adamw", "lamb"])
def test_recorded_passes_train_as_launched_ones(optimiser: str) -> None:
    """Losses of six steps in fp32, up to the rounding of cuDNN's atomic additions; again after a
    reset, because the recording reads the present weights.
    """
    settings = (
        cost.SIZES["smoke"],
        "training",
        2,
        1,
        optimiser,
        1e-3,
        "fp32",
        False,
        1,
        4,
        2,
        "",
        1,
        True,
        1,
    )
    members = [
        Member(Spec(*settings, graphs), 0, torch.device("cuda", 0)) for graphs in (True, False)
    ]
    recorded, launched = (
        [member.train(Order(0, 6)).losses for _ in range(2)] for member in members
    )
    assert recorded[1] == pytest.approx(recorded[0], rel=1e-2)
    assert recorded[1] == pytest.approx(launched[1], rel=1e-2)
    assert len(set(recorded[1])) == 6


def test_lamb_follows_its_formula() -> None:
    """Two steps against You et al.'s algorithm 2, written out in float64 for one layer. A layer of
    zeros moves too.
    """
    start = torch.tensor([3.0, -4.0])
    layers = [start.clone().requires_grad_(), torch.zeros(2, requires_grad=True)]
    optimiser = Lamb(layers, lr=0.1, weight_decay=0.01)
    x, m, v = (
        start.double(),
        torch.zeros(2, dtype=torch.float64),
        torch.zeros(2, dtype=torch.float64),
    )
    for step, grad in enumerate((torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 0.5])), 1):
        for layer in layers:
            layer.grad = grad.clone()
        optimiser.step()
        m, v = 0.9 * m + 0.1 * grad.double(), 0.999 * v + 0.001 * grad.double() ** 2
        toward = (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-6) + 0.01 * x
        x = x - 0.1 * x.norm() / toward.norm() * toward
        assert torch.allclose(layers[0].detach().double(), x, rtol=1e-5)
    assert float(layers[1].detach().abs().min()) > 0
