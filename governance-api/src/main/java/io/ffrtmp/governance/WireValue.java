package io.ffrtmp.governance;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * A value whose content is a map with text keys, and whose accessors are views of it; what is
 * unknown has no key. For what goes into JSON the map is the wire form itself: keys in a fixed
 * order; text, numbers, booleans, lists and maps, as any JSON library writes and reads them; only a
 * time is text no sooner than {@link JobResult#toJson()}.
 */
abstract class WireValue extends Value {
  private final Map<String, Object> json;

  /** With this map as it stands; whoever keeps the value lets nobody else have the map. */
  WireValue(Map<String, Object> json) {
    this.json = Collections.unmodifiableMap(json);
  }

  /** With these keys only, where they are there, in this order. */
  WireValue(Map<String, ?> json, List<String> keys) {
    Map<String, Object> ordered = new LinkedHashMap<>();
    for (String key : keys) {
      Object value = json.get(key);
      if (value != null) {
        ordered.put(key, value);
      }
    }
    this.json = Collections.unmodifiableMap(ordered);
  }

  @Override
  final Map<String, Object> content() {
    return json;
  }

  /** A copy of the state, with this key at the end. */
  final Map<String, Object> with(String key, Object value) {
    Map<String, Object> more = new LinkedHashMap<>(json);
    more.put(key, Objects.requireNonNull(value, key));
    return more;
  }

  /** The value of a key that may be absent. */
  final <T> Optional<T> get(String key, Function<Object, T> read) {
    Object value = json.get(key);
    return value == null ? Optional.empty() : Optional.of(read(key, value, read));
  }

  /** The value of a key that must be there. */
  final <T> T need(String key, Function<Object, T> read) {
    Object value = json.get(key);
    if (value == null) {
      throw new IllegalArgumentException("no '" + key + "' in " + json);
    }
    return read(key, value, read);
  }

  private static <T> T read(String key, Object value, Function<Object, T> read) {
    try {
      return read.apply(value);
    } catch (ArithmeticException | ClassCastException | DateTimeException bad) {
      throw new IllegalArgumentException("'" + value + "' is no value of '" + key + "'", bad);
    }
  }

  final Optional<String> text(String key) {
    return get(key, String.class::cast);
  }

  final OptionalLong number(String key) {
    Object value = json.get(key);
    return value == null
        ? OptionalLong.empty()
        : OptionalLong.of(read(key, value, WireValue::integer));
  }

  final <E extends Enum<E>> E constant(String key, Class<E> type) {
    return need(key, name -> constant(type, name));
  }

  static <E extends Enum<E>> E constant(Class<E> type, Object name) {
    String upper = name.toString().toUpperCase(Locale.ROOT);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().equals(upper) && name(constant).equals(name)) {
        return constant;
      }
    }
    throw new IllegalArgumentException("unknown " + type.getSimpleName() + " '" + name + "'");
  }

  static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  static long integer(Object number) {
    boolean whole = number instanceof Long || number instanceof Integer;
    return whole ? ((Number) number).longValue() : decimal(number).longValueExact();
  }

  static Instant time(Object time) {
    return (time instanceof Instant known ? known : Instant.parse(time.toString()))
        .truncatedTo(ChronoUnit.MICROS);
  }

  /** Seconds with six decimals: a double would not read back equal over days. */
  static BigDecimal seconds(Duration duration) {
    Checks.between("processing_seconds", duration.toSeconds(), 0, 1L << 32);
    return BigDecimal.valueOf(duration.toNanos() / 1000, 6);
  }

  static Duration duration(Object seconds) {
    BigDecimal micros = decimal(seconds).movePointRight(6).setScale(0, RoundingMode.HALF_UP);
    return Duration.of(micros.longValueExact(), ChronoUnit.MICROS);
  }

  private static BigDecimal decimal(Object number) {
    BigDecimal decimal = new BigDecimal(((Number) number).toString());
    if (Math.abs(decimal.scale()) > 400) { // what rounds it would fill the memory with zeros
      throw new ArithmeticException("exponent out of range");
    }
    return decimal;
  }

  @SuppressWarnings("unchecked") // JSON has no other keys
  static Map<String, Object> object(Object value) {
    if (value instanceof Map<?, ?>) {
      return (Map<String, Object>) value;
    }
    throw new IllegalArgumentException("a JSON object was expected, not '" + value + "'");
  }
}
