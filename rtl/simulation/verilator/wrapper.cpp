// Drives one Verilated block from arrays: one row of 64-bit fields a cycle.
// The generated file fields.inc defines put_inputs, get_outputs, the numbers of fields, and
// whether the block has the streams `input` and `output` (HAS_STREAMS) and a `busy` port.
#include <cstdint>
#include <cstring>
#include <memory>
#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

template <typename T> inline void set_field(T& port, int offset, int width, uint64_t value) {
    uint64_t mask = (width == 64 ? ~0ull : ((1ull << width) - 1)) << offset;
    port = static_cast<T>((uint64_t(port) & ~mask) | ((value << offset) & mask));
}

template <std::size_t N>
inline void set_field(VlWide<N>& port, int offset, int width, uint64_t value) {
    while (width > 0) {
        int at = offset % 32, take = width < 32 - at ? width : 32 - at;
        uint32_t mask = (take == 32 ? ~0u : ((1u << take) - 1)) << at;
        uint32_t& word = port[offset / 32];
        word = (word & ~mask) | ((uint32_t(value) << at) & mask);
        value >>= take; offset += take; width -= take;
    }
}

template <typename T> inline uint64_t get_field(const T& port, int offset, int width) {
    uint64_t value = uint64_t(port) >> offset;
    return width == 64 ? value : value & ((1ull << width) - 1);
}

template <std::size_t N>
inline uint64_t get_field(const VlWide<N>& port, int offset, int width) {
    uint64_t value = 0;
    for (int done = 0; done < width;) {
        int at = offset % 32, take = width - done < 32 - at ? width - done : 32 - at;
        uint64_t part = port[offset / 32] >> at;
        if (take < 32) part &= (1u << take) - 1;
        value |= part << done;
        done += take; offset += take;
    }
    return value;
}

#include "fields.inc"

struct Simulation {
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
    uint64_t time = 0;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> trace;
#endif
    Simulation() {
        context.traceEverOn(VM_TRACE);
        top = std::make_unique<Vtop>(&context);
    }
    void dump() {
#if VM_TRACE
        if (trace) trace->dump(time);
#endif
        ++time;
    }
    void settle() { top->clk = 0; top->eval(); dump(); }
    void edge() { top->clk = 1; top->eval(); dump(); }
};

}  // namespace

extern "C" {

void* simulation_new() { return new Simulation; }

void simulation_free(void* handle) {
    auto* s = static_cast<Simulation*>(handle);
#if VM_TRACE
    if (s->trace) s->trace->close();
#endif
    s->top->final();
    delete s;
}

int simulation_trace(void* handle, const char* path) {
#if VM_TRACE
    auto* s = static_cast<Simulation*>(handle);
    s->trace = std::make_unique<VerilatedVcdC>();
    s->top->trace(s->trace.get(), 99);
    s->trace->open(path);
    return 1;
#else
    (void)handle; (void)path;
    return 0;
#endif
}

void simulation_reset(void* handle) {
    auto* s = static_cast<Simulation*>(handle);
    s->top->rst = 1;
    for (int i = 0; i < 2; ++i) { s->settle(); s->edge(); }
    s->top->rst = 0;
}

// One cycle a row; outputs are sampled before the clock edge.
void simulation_run(void* handle, int64_t cycles, const uint64_t* in, uint64_t* out) {
    auto* s = static_cast<Simulation*>(handle);
    for (int64_t i = 0; i < cycles; ++i) {
        put_inputs(*s->top, in + i * INPUT_FIELDS);
        s->settle();
        get_outputs(*s->top, out + i * OUTPUT_FIELDS);
        s->edge();
    }
}

#if HAS_STREAMS
// Offers `offers` rows when the pattern says so (then holds each until it is taken) and takes
// rows when the other pattern says so. Returns cycles run; *taken_out is how many came out.
int64_t simulation_stream(
    void* handle, int64_t offers, const uint64_t* in, const uint8_t* offer_pattern,
    int64_t offer_period, int64_t takes, uint64_t* out, const uint8_t* take_pattern,
    int64_t take_period, int64_t limit, int64_t* in_cycle, int64_t* out_cycle,
    int64_t* busy_cycles, int64_t* taken_out) {
    auto* s = static_cast<Simulation*>(handle);
    int64_t offered = 0, taken = 0, cycle = 0;
    bool holding = false;
    *busy_cycles = 0;
    for (; cycle < limit && (offered < offers || taken < takes); ++cycle) {
        holding = holding || (offered < offers && offer_pattern[cycle % offer_period]);
        if (holding) put_inputs(*s->top, in + offered * INPUT_FIELDS);
        s->top->input_valid = holding;
        s->top->output_ready = take_pattern[cycle % take_period];
        s->settle();
        if (holding && s->top->input_ready) {
            in_cycle[offered++] = cycle;
            holding = false;
        }
        if (s->top->output_valid && s->top->output_ready && taken < takes) {
            get_outputs(*s->top, out + taken * OUTPUT_FIELDS);
            out_cycle[taken++] = cycle;
        }
#if HAS_BUSY
        *busy_cycles += s->top->busy;
#endif
        s->edge();
    }
    *taken_out = taken;
    return cycle;
}
#endif

}  // extern "C"
