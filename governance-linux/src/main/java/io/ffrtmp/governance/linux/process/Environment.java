package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Strings;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An environment: names to whole entries, {@code NAME=VALUE}, in bytes as the C library holds them.
 * Names are decoded byte by byte, so that nothing is lost in any locale.
 */
final class Environment {
  private static final Pattern SHELL_NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** Variables that dash resets, that the gate's text uses, or that act on the gate itself. */
  private static final Set<String> NOT_FOR_DASH =
      Set.of("IFS", "OPTIND", "PPID", "ENV", "BASH_VERSION", Gate.WORD);

  private final Map<String, byte[]> entries;
  private final Strings strings;
  private volatile @Nullable Boolean survivesDash; // told once: most environments are ours

  private Environment(Map<String, byte[]> entries) {
    this.entries = entries;
    strings = Strings.of(entries.values());
  }

  /** That of this process; entries without a name are dropped, the first of a name counts. */
  static Environment ours() {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    for (byte[] entry : Libc.environment()) {
      String text = new String(entry, StandardCharsets.ISO_8859_1);
      if (text.indexOf('=') > 0) {
        entries.putIfAbsent(text.substring(0, text.indexOf('=')), entry);
      }
    }
    return new Environment(entries);
  }

  /** With variables set or, where the value is empty, removed. */
  Environment with(Map<String, Optional<String>> changes) {
    if (changes.isEmpty()) {
      return this;
    }
    Map<String, byte[]> changed = new LinkedHashMap<>(entries);
    changes.forEach(
        (name, value) -> {
          byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
          String key = new String(utf8, StandardCharsets.ISO_8859_1);
          changed.remove(key);
          value.ifPresent(v -> changed.put(key, (name + "=" + v).getBytes(StandardCharsets.UTF_8)));
        });
    return new Environment(changed);
  }

  /** The value of a variable. */
  Optional<String> get(String name) {
    return Optional.ofNullable(entries.get(name))
        .map(entry -> new String(entry, StandardCharsets.UTF_8).substring(name.length() + 1));
  }

  Collection<byte[]> entries() {
    return entries.values();
  }

  /** The entries, for a spawn. */
  Strings strings() {
    return strings;
  }

  /** The whole entry of a variable, or nothing. */
  byte[] entry(String name) {
    return entries.getOrDefault(name, new byte[0]);
  }

  /** Whether dash passes it on unaltered, {@code PWD} aside, and none of it acts on dash. */
  boolean survivesDash() {
    Boolean told = survivesDash;
    if (told == null) {
      told = entries.keySet().stream().allMatch(Environment::survivesDash);
      survivesDash = told;
    }
    return told;
  }

  /** The names that dash does not pass on unaltered. */
  String notForDash() {
    String names =
        entries.keySet().stream()
            .filter(name -> !survivesDash(name))
            .collect(Collectors.joining(", "));
    return new String(names.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  private static boolean survivesDash(String name) {
    return SHELL_NAME.matcher(name).matches()
        && !name.startsWith("LD_")
        && !NOT_FOR_DASH.contains(name);
  }
}
