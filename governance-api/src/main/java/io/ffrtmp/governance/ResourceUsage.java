package io.ffrtmp.governance;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * The kernel's counters of a job's group. A counter that the kernel does not keep, or whose file
 * could not be read, is absent, never zero.
 */
public final class ResourceUsage extends WireValue {
  /** A counter; its wire name ends in its unit, or is a plain count. */
  public enum Counter {
    /** CPU time in user mode, microseconds. */
    CPU_USER_USEC,
    /** CPU time in the kernel, microseconds. */
    CPU_SYSTEM_USEC,
    /** Periods in which a {@code cpu.max} was in force and the group ran. */
    CPU_PERIODS,
    /** Periods in which the group ran into its {@code cpu.max}. */
    CPU_THROTTLED_PERIODS,
    /** Time that the group was held back by its {@code cpu.max}, microseconds. */
    CPU_THROTTLED_USEC,
    /** Memory charged to the group now, bytes. */
    MEMORY_CURRENT_BYTES,
    /** The most memory that was ever charged to the group, bytes. */
    MEMORY_PEAK_BYTES,
    /** Processes of the group that the kernel killed for want of memory. */
    OOM_KILLS,
    /** Bytes read from block devices. */
    IO_READ_BYTES,
    /** Bytes written to block devices. */
    IO_WRITE_BYTES,
    /** Time that some task of the group waited for a CPU, microseconds (psi). */
    CPU_PRESSURE_SOME_USEC,
    /** Time that some task of the group waited for memory, microseconds (psi). */
    MEMORY_PRESSURE_SOME_USEC,
    /** Time that every task of the group waited for memory, microseconds (psi). */
    MEMORY_PRESSURE_FULL_USEC,
    /** Time that some task of the group waited for input or output, microseconds (psi). */
    IO_PRESSURE_SOME_USEC,
    /** Time that every task of the group waited for input or output, microseconds (psi). */
    IO_PRESSURE_FULL_USEC;

    /** The key in JSON, such as {@code cpu_user_usec}. */
    public String wireName() {
      return WireValue.name(this);
    }
  }

  /** Nothing is known. */
  public static final ResourceUsage UNKNOWN = new ResourceUsage(Map.of());

  private ResourceUsage(Map<String, Object> json) {
    super(json);
  }

  /**
   * These counters; those not in the map are unknown.
   *
   * @throws IllegalArgumentException if a value is negative
   */
  public static ResourceUsage of(Map<Counter, Long> counters) {
    Map<String, Object> json = new LinkedHashMap<>();
    new TreeMap<>(counters)
        .forEach(
            (counter, value) ->
                json.put(name(counter), Checks.between(name(counter), value, 0, Long.MAX_VALUE)));
    return new ResourceUsage(json);
  }

  static ResourceUsage fromJson(Object json) {
    return of(new ResourceUsage(object(json)).counters());
  }

  /** One counter, in the unit that its name tells. */
  public OptionalLong get(Counter counter) {
    return number(name(counter));
  }

  /** The counters that are known, in their fixed order. */
  public Map<Counter, Long> counters() {
    Map<Counter, Long> counters = new EnumMap<>(Counter.class);
    for (Counter counter : Counter.values()) {
      get(counter).ifPresent(value -> counters.put(counter, value));
    }
    return counters;
  }
}
