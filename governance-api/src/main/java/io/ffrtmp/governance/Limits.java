package io.ffrtmp.governance;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** The limits asked for a workload. What is not asked for is left as the host has it. */
public final class Limits extends WireValue {
  /** No limit at all. */
  public static final Limits NONE = new Limits(Map.of());

  /** Below what any page size rounds to the kernel's "no limit" of v1 (64 KiB pages). */
  private static final long LARGEST_MEMORY = Long.MAX_VALUE - (1 << 17);

  private Limits(Map<String, Object> json) {
    super(json, List.of("cpu.max", "cpu.weight", "memory.max", "io.max"));
  }

  private Limits with(Limit limit, Object value) {
    return new Limits(with(limit.wireName(), value));
  }

  /** These limits, with this ceiling of CPU time. */
  public Limits cpuMax(CpuMax max) {
    return with(Limit.CPU_MAX, max.toString());
  }

  /**
   * These limits, with this weight under contention.
   *
   * @throws IllegalArgumentException if it is not within 1 and 10,000
   */
  public Limits cpuWeight(int weight) {
    return with(Limit.CPU_WEIGHT, Checks.between("cpu.weight", weight, 1, 10_000));
  }

  /**
   * These limits, with this ceiling of memory. The kernel rounds it down to a page.
   *
   * @throws IllegalArgumentException if it is less than 4,096, or so large that it means no limit
   */
  public Limits memoryMaxBytes(long bytes) {
    return with(Limit.MEMORY_MAX, Checks.between("memory.max", bytes, 4_096, LARGEST_MEMORY));
  }

  /**
   * These limits, and this one on a block device. That two targets are the same disk is found only
   * when the limits are written: a rate that another has there already is refused then.
   *
   * @throws IllegalArgumentException if it has no rate, or its very target has a limit here already
   */
  public Limits ioMax(IoMax max) {
    List<IoMax> known = ioMax();
    if (max.rates().isEmpty() || known.stream().anyMatch(io -> io.target().equals(max.target()))) {
      throw new IllegalArgumentException(
          "io.max for " + max.target() + ": give each device once, with at least one rate");
    }
    List<String> more = new ArrayList<>(known.stream().map(IoMax::toString).toList());
    more.add(max.toString());
    return with(Limit.IO_MAX, List.copyOf(more));
  }

  /** The ceiling of CPU time. */
  public Optional<CpuMax> cpuMax() {
    return text(Limit.CPU_MAX.wireName()).map(CpuMax::parse);
  }

  /** The weight under contention, 1 to 10,000. */
  public OptionalInt cpuWeight() {
    OptionalLong weight = number(Limit.CPU_WEIGHT.wireName());
    return weight.isPresent() ? OptionalInt.of((int) weight.getAsLong()) : OptionalInt.empty();
  }

  /** The ceiling of memory. */
  public OptionalLong memoryMaxBytes() {
    return number(Limit.MEMORY_MAX.wireName());
  }

  /** The limits on block devices, at most one for each target. */
  public List<IoMax> ioMax() {
    Optional<List<?>> lines = get(Limit.IO_MAX.wireName(), all -> (List<?>) all);
    return lines.orElse(List.of()).stream().map(line -> IoMax.parse(line.toString())).toList();
  }

  /** Whether no limit is asked. */
  public boolean isEmpty() {
    return content().isEmpty();
  }
}
