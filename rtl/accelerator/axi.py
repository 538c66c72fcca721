"""The ports of AXI4 and AXI4-Lite that the machine has, as fields of a block."""

from __future__ import annotations

from amaranth.lib.wiring import In, Out

from rtl.parts.block import Ports

INCREMENT = 1
"""The kind of burst whose addresses follow each other."""


def read_master(prefix: str, address_bits: int, data_bits: int) -> Ports:
    """The ports of an AXI4 master that reads."""
    return {
        f"{prefix}_araddr": Out(address_bits),
        f"{prefix}_arlen": Out(8),
        f"{prefix}_arsize": Out(3),
        f"{prefix}_arburst": Out(2),
        f"{prefix}_arvalid": Out(1),
        f"{prefix}_arready": In(1),
        f"{prefix}_rdata": In(data_bits),
        f"{prefix}_rresp": In(2),
        f"{prefix}_rlast": In(1),
        f"{prefix}_rvalid": In(1),
        f"{prefix}_rready": Out(1),
    }


def write_master(prefix: str, address_bits: int, data_bits: int) -> Ports:
    """The ports of an AXI4 master that writes."""
    return {
        f"{prefix}_awaddr": Out(address_bits),
        f"{prefix}_awlen": Out(8),
        f"{prefix}_awsize": Out(3),
        f"{prefix}_awburst": Out(2),
        f"{prefix}_awvalid": Out(1),
        f"{prefix}_awready": In(1),
        f"{prefix}_wdata": Out(data_bits),
        f"{prefix}_wstrb": Out(data_bits // 8),
        f"{prefix}_wlast": Out(1),
        f"{prefix}_wvalid": Out(1),
        f"{prefix}_wready": In(1),
        f"{prefix}_bresp": In(2),
        f"{prefix}_bvalid": In(1),
        f"{prefix}_bready": Out(1),
    }


def lite_slave(prefix: str, address_bits: int) -> Ports:
    """The ports of an AXI4-Lite slave with words of 32 bits."""
    return {
        f"{prefix}_awaddr": In(address_bits),
        f"{prefix}_awvalid": In(1),
        f"{prefix}_awready": Out(1),
        f"{prefix}_wdata": In(32),
        f"{prefix}_wstrb": In(4),
        f"{prefix}_wvalid": In(1),
        f"{prefix}_wready": Out(1),
        f"{prefix}_bresp": Out(2),
        f"{prefix}_bvalid": Out(1),
        f"{prefix}_bready": In(1),
        f"{prefix}_araddr": In(address_bits),
        f"{prefix}_arvalid": In(1),
        f"{prefix}_arready": Out(1),
        f"{prefix}_rdata": Out(32),
        f"{prefix}_rresp": Out(2),
        f"{prefix}_rvalid": Out(1),
        f"{prefix}_rready": In(1),
    }
