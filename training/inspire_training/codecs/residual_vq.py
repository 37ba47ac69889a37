"""`inspire codec`: fit the residual VQ codec to the expert's chunks and write the arrays of codec.npz.

Encoder and decoder are MLPs; codebooks start on vectors of the first batch (random ones would pull the encoder into one
point), follow the running mean of what they are chosen for, and codes that nobody chooses are moved onto vectors of the
batch. Loss: L1 of the chunk and the commitment.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inspire_policy.codecs.base import symmetric_from_rows
from inspire_policy.codecs.residual_vq import ResidualVQCodec
from inspire_training.codecs.files import write_arrays
from inspire_training.settings import CodecSettings

COMMITMENT = 0.25  # five, as published with another quantiser, pulls the encoder into one point here
RARE = 0.05  # a code chosen less often than this (running mean per batch) is moved


class ResidualVQ(nn.Module):
    """The codec while it is trained; `arrays` are what the runtime needs."""

    def __init__(self, numbers: int, settings: CodecSettings) -> None:
        super().__init__()
        hidden, width = settings.hidden, settings.width
        self.encoder = nn.Sequential(
            nn.Linear(numbers, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )
        self.decoder = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, numbers)
        )
        self.register_buffer("books", torch.zeros(settings.quantizers, settings.codes, width))
        self.register_buffer("sums", self.books.clone())
        self.register_buffer("counts", torch.zeros(settings.quantizers, settings.codes))

    def quantise(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Quantised vectors (B, width) and the commitment loss; codebooks move when training."""
        residual, total, loss = vectors, torch.zeros_like(vectors), vectors.new_zeros(())
        for index in range(len(self.books)):
            if self.training and not self.counts[index].any():
                self._place(index, torch.arange(self.books.shape[1]), residual.detach())
            book = self.books[index]
            codes = torch.cdist(residual.detach(), book).argmin(dim=1)
            if self.training:
                self._move(index, residual.detach(), codes)
            chosen = book[codes].clone()
            loss = loss + F.mse_loss(residual, chosen)
            total = total + chosen
            residual = residual - chosen
        return vectors + (total - vectors).detach(), loss / len(self.books)

    @torch.no_grad()
    def _move(self, index: int, vectors: Tensor, codes: Tensor) -> None:
        choice = F.one_hot(codes, self.books.shape[1]).to(vectors.dtype)
        self.counts[index].lerp_(choice.sum(0), 0.05)
        self.sums[index].lerp_(choice.t() @ vectors, 0.05)
        self.books[index] = self.sums[index] / self.counts[index].clamp(min=1e-5).unsqueeze(1)
        rare = torch.nonzero(self.counts[index] < RARE).flatten()
        if len(rare):
            self._place(index, rare, vectors)

    @torch.no_grad()
    def _place(self, index: int, codes: Tensor, vectors: Tensor) -> None:
        """Put codes of one book onto vectors of the batch."""
        new = vectors[torch.randint(len(vectors), (len(codes),))]
        self.books[index, codes], self.sums[index, codes], self.counts[index, codes] = new, new, 1.0

    def forward(self, chunks: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction (B, numbers) and the commitment loss of flattened chunks."""
        quantised, loss = self.quantise(self.encoder(chunks))
        return self.decoder(quantised), loss

    def arrays(self) -> dict[str, np.ndarray]:
        """The content of codec.npz, see `inspire_policy.codecs.residual_vq`."""
        arrays = {"codebooks": self.books.numpy().astype(np.float32)}
        for name, mlp in (("encoder", self.encoder), ("decoder", self.decoder)):
            for index, layer in enumerate(m for m in mlp if isinstance(m, nn.Linear)):
                arrays[f"{name}_weight_{index}"] = layer.weight.detach().numpy().astype(np.float32)
                arrays[f"{name}_bias_{index}"] = layer.bias.detach().numpy().astype(np.float32)
        return arrays


def fit_chunks(chunks: np.ndarray, settings: CodecSettings) -> ResidualVQCodec:
    """Fit to chunks (F, chunk_length, 7) and write `settings.out`, complete or not at all."""
    torch.manual_seed(settings.seed)
    flat = torch.from_numpy(symmetric_from_rows(chunks).reshape(len(chunks), -1).astype(np.float32))
    model = ResidualVQ(flat.shape[1], settings).train()
    optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], lr=settings.rate)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1.0 - step / settings.steps)
        batch = flat[torch.randint(len(flat), (settings.batch,))]
        found, commitment = model(batch)
        loss = F.l1_loss(found, batch) + COMMITMENT * commitment
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 1000 == 0 or step + 1 == settings.steps:
            print(f"step {step + 1}/{settings.steps}: loss {loss.item():.4f}", flush=True)
    arrays = model.eval().arrays()
    write_arrays(settings.out, arrays)
    return ResidualVQCodec(settings.chunk_length, arrays)
