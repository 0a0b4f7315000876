package io.ffrtmp.governance;

import org.jspecify.annotations.Nullable;

/** A value: equal to another of its class with the same content. */
abstract class Value {

  /** Everything that this value is; immutable. */
  abstract Object content();

  @Override
  public final boolean equals(@Nullable Object other) {
    return other instanceof Value that
        && getClass() == that.getClass()
        && content().equals(that.content());
  }

  @Override
  public final int hashCode() {
    return content().hashCode();
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + content();
  }
}
