// The machine in Verilator, behind memories of fixed latency. fields.inc defines the widths of its ports.
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include "Vtop.h"
#include "verilated.h"
#include "fields.inc"

namespace {

// A port of up to 64 bits, and one of words of 32 bits, as bytes.
template <typename T> inline void put(T& port, const uint8_t* bytes, int count) {
    uint64_t value = 0;
    std::memcpy(&value, bytes, count);
    port = static_cast<T>(value);
}
template <std::size_t N> inline void put(VlWide<N>& port, const uint8_t* bytes, int count) {
    std::memcpy(port.data(), bytes, count);
}
template <typename T> inline void get(const T& port, uint8_t* bytes, int count) {
    uint64_t value = port;
    std::memcpy(bytes, &value, count);
}
template <std::size_t N> inline void get(const VlWide<N>& port, uint8_t* bytes, int count) {
    std::memcpy(bytes, port.data(), count);
}

struct Burst { uint64_t address, first; uint32_t beats, done; };

// Serves one beat a cycle, bursts in order, each `latency` cycles after its address at the earliest.
struct ReadMemory {
    uint8_t* bytes = nullptr;
    uint64_t size = 0, latency = 1, outstanding = 1, fail_at = ~0ull;
    std::deque<Burst> bursts;
    bool ready() const { return bursts.size() < outstanding; }
    bool valid(uint64_t cycle) const { return !bursts.empty() && cycle >= bursts.front().first; }
    bool last() const { return bursts.front().done + 1 == bursts.front().beats; }
    uint64_t place(int width) const { return bursts.front().address + bursts.front().done * width; }
    void accept(uint64_t cycle, uint64_t address, uint32_t beats) {
        bursts.push_back({address, cycle + latency, beats, 0});
    }
    void taken() { if (++bursts.front().done == bursts.front().beats) bursts.pop_front(); }
};

// Takes every beat; answers a burst `latency` cycles after its last beat.
struct WriteMemory {
    std::deque<Burst> bursts;
    std::deque<uint64_t> answers;
};

struct Machine {
    VerilatedContext context;
    std::unique_ptr<Vtop> top = std::make_unique<Vtop>(&context);
    ReadMemory code, data;
    WriteMemory writes;
    uint64_t cycle = 0, stall_seed = 0;
    bool outside = false;

    // Memory that is sometimes not ready: 1 in 4 cycles of a generator; 0 is always ready.
    bool pauses() {
        if (!stall_seed) return false;
        stall_seed = stall_seed * 6364136223846793005ull + 1442695040888963407ull;
        return (stall_seed >> 62) == 0;
    }

    void reset() {
        top->rst = 1;
        for (int i = 0; i < 2; ++i) { top->clk = 0; top->eval(); top->clk = 1; top->eval(); }
        top->rst = 0;
        code.bursts.clear(); data.bursts.clear(); writes.bursts.clear(); writes.answers.clear();
    }

    void step() {
        Vtop& t = *top;
        bool code_ready = code.ready(), data_ready = data.ready() && !pauses();
        bool write_ready = !writes.bursts.empty() && !pauses(), address_ready = !pauses();
        bool code_valid = code.valid(cycle), data_valid = data.valid(cycle) && !pauses();
        t.m_code_arready = code_ready;
        t.m_code_rvalid = code_valid;
        t.m_code_rresp = 0;
        if (code_valid) {
            uint64_t place = code.place(CODE_BYTES);
            if (place + CODE_BYTES > code.size) t.m_code_rresp = 3;
            else put(t.m_code_rdata, code.bytes + place, CODE_BYTES);
            t.m_code_rlast = code.last();
        }
        t.m_data_arready = data_ready;
        t.m_data_rvalid = data_valid;
        t.m_data_rresp = 0;
        if (data_valid) {
            uint64_t place = data.place(DATA_BYTES);
            if (place + DATA_BYTES > data.size || cycle >= data.fail_at) t.m_data_rresp = 2;
            else put(t.m_data_rdata, data.bytes + place, DATA_BYTES);
            t.m_data_rlast = data.last();
        }
        t.m_data_awready = address_ready;
        t.m_data_wready = write_ready;
        bool answer = !writes.answers.empty() && writes.answers.front() <= cycle;
        t.m_data_bvalid = answer;
        t.m_data_bresp = outside ? 3 : 0;
        t.clk = 0;
        t.eval();
        if (t.m_code_arvalid && code_ready) code.accept(cycle, t.m_code_araddr, t.m_code_arlen + 1u);
        if (code_valid && t.m_code_rready) code.taken();
        if (t.m_data_arvalid && data_ready) data.accept(cycle, t.m_data_araddr, t.m_data_arlen + 1u);
        if (data_valid && t.m_data_rready) data.taken();
        if (answer && t.m_data_bready) writes.answers.pop_front();
        if (t.m_data_awvalid && address_ready)
            writes.bursts.push_back({t.m_data_awaddr, 0, t.m_data_awlen + 1u, 0});
        if (t.m_data_wvalid && write_ready) {
            Burst& burst = writes.bursts.front();
            uint64_t place = burst.address + uint64_t(burst.done) * DATA_BYTES;
            if (place + DATA_BYTES > data.size) outside = true;
            else get(t.m_data_wdata, data.bytes + place, DATA_BYTES);
            if (++burst.done == burst.beats) {
                if (!t.m_data_wlast) outside = true;
                writes.bursts.pop_front();
                writes.answers.push_back(cycle + data.latency);
            }
        }
        t.clk = 1;
        t.eval();
        ++cycle;
    }
};

}  // namespace

extern "C" {

void* machine_new() { auto* m = new Machine; m->reset(); return m; }
void machine_free(void* handle) { auto* m = static_cast<Machine*>(handle); m->top->final(); delete m; }
void machine_reset(void* handle) { static_cast<Machine*>(handle)->reset(); }

void machine_memory(
    void* handle, uint8_t* code, uint64_t code_size, uint64_t code_latency, uint8_t* data,
    uint64_t data_size, uint64_t latency, uint64_t outstanding, uint64_t stall_seed,
    uint64_t fail_after) {
    auto* m = static_cast<Machine*>(handle);
    m->code.bytes = code; m->code.size = code_size; m->code.latency = code_latency;
    m->code.outstanding = 16;
    m->data.bytes = data; m->data.size = data_size; m->data.latency = latency;
    m->data.outstanding = outstanding;
    m->data.fail_at = fail_after ? m->cycle + fail_after : ~0ull;
    m->stall_seed = stall_seed;
    m->outside = false;
}

void machine_write(void* handle, uint32_t address, uint32_t value) {
    auto* m = static_cast<Machine*>(handle);
    Vtop& t = *m->top;
    t.s_control_awaddr = address; t.s_control_wdata = value; t.s_control_wstrb = 15;
    t.s_control_awvalid = t.s_control_wvalid = 1; t.s_control_bready = 1;
    for (bool taken = false; !taken;) {
        t.clk = 0; t.eval();
        taken = t.s_control_awready && t.s_control_wready;
        m->step();
    }
    t.s_control_awvalid = t.s_control_wvalid = 0;
    m->step();
}

uint32_t machine_read(void* handle, uint32_t address) {
    auto* m = static_cast<Machine*>(handle);
    Vtop& t = *m->top;
    t.s_control_araddr = address; t.s_control_arvalid = 1; t.s_control_rready = 1;
    for (bool taken = false; !taken;) {
        t.clk = 0; t.eval();
        taken = t.s_control_arready;
        m->step();
    }
    t.s_control_arvalid = 0;
    t.clk = 0; t.eval();
    uint32_t value = t.s_control_rdata;
    m->step();
    return value;
}

// Runs until the interrupt, at most `limit` cycles; the cycles that it ran.
uint64_t machine_run(void* handle, uint64_t limit) {
    auto* m = static_cast<Machine*>(handle);
    uint64_t first = m->cycle;
    while (!m->top->irq && m->cycle - first < limit) m->step();
    return m->cycle - first;
}

}  // extern "C"
